import { fullName, type Named, namesOf } from './names.ts';

/** A subscription that any client may make, always in the same way. */
export interface SubscriptionSpec {
  readonly tenant: string;
  readonly id: string;
  /** As the history has it. */
  readonly full: string;
  readonly kind: 'pull-wake' | 'webhook';
  readonly leaseMs: number;
  /** What it is made with. */
  readonly request: object;
  /** The sessions that it may mind and whose positions are told; a fork's may be its source's. */
  readonly names: readonly Named[];
  /** Sessions that it minds from the beginning, as far as the checker may rely on their positions. */
  readonly covers: readonly string[];
}

/** Where wakes of a tenant are announced: no pattern of ours takes it. */
export const wakeStream = 'wake';

export const isCoverable = ({ isJson, isFork, ttlSeconds }: Named): boolean =>
  isJson && !isFork && ttlSeconds === undefined;

interface Kind {
  readonly prefix: string;
  readonly leaseMs: number;
  /** By name; whatever the pattern takes, where there are none. */
  readonly streams?: readonly string[];
}

const pulled: readonly Kind[] = [
  { prefix: 'all', leaseMs: 1_000 },
  { prefix: 'some', leaseMs: 2_500, streams: ['a', 'b', 'text'] },
];

const pushed: Kind = { prefix: 'pushed', leaseMs: 2_000 };

export interface SpecOptions {
  readonly tenant: string;
  readonly generation: number;
  /** Where webhooks are received, if they are. */
  readonly webhookUrl?: string | undefined;
}

export function specsOf(options: SpecOptions): SubscriptionSpec[] {
  const kinds = options.webhookUrl === undefined ? pulled : [...pulled, pushed];
  return kinds.map((kind) => specOf(kind, options));
}

function specOf(kind: Kind, { tenant, generation, webhookUrl }: SpecOptions): SubscriptionSpec {
  const { leaseMs, streams } = kind;
  const id = `${kind.prefix}-${generation}`;
  const names = namesOf(tenant, generation);
  const minded = names.filter(
    ({ name }) => streams === undefined || streams.includes(name.slice(0, name.indexOf('/'))),
  );
  const minds =
    streams === undefined
      ? { pattern: `*/${generation}` }
      : { streams: minded.map(({ name }) => name) };
  const told =
    kind === pushed
      ? { type: 'webhook', webhook: { url: `${webhookUrl}/${id}` } }
      : { type: 'pull-wake', wake_stream: wakeStream };
  return {
    tenant,
    id,
    full: `${tenant}/$sub/${id}`,
    kind: kind === pushed ? 'webhook' : 'pull-wake',
    leaseMs,
    request: { ...told, ...minds, lease_ttl_ms: leaseMs },
    names,
    covers: minded.filter(isCoverable).map(fullName),
  };
}

/** The spec that a history names. */
export function specIn(full: string, webhookUrl?: string): SubscriptionSpec | undefined {
  const tenant = full.slice(0, full.indexOf('/'));
  const generation = Number(full.slice(full.lastIndexOf('-') + 1));
  return specsOf({ tenant, generation, webhookUrl }).find((spec) => spec.full === full);
}

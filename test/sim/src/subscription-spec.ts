import type { SeededPrng } from '@tidemark/ports/testing';
import { defaultTenant, type TenantId } from '@tidemark/protocol';
import type { Subscriptions } from '@tidemark/relay';
import { subscriptionPrefix } from '@tidemark/session';
import { pooledTenant } from './incarnation.ts';
import type { Named } from './names.ts';
import type { Plan } from './plan.ts';

/** A subscription that somebody may make, always in the same way. */
export interface SubscriptionSpec {
  readonly id: string;
  readonly tenant: TenantId;
  /** As the history has it. */
  readonly full: string;
  readonly kind: 'webhook' | 'pull-wake';
  readonly leaseMs: number;
  readonly request: Parameters<Subscriptions['put']>[2];
  /** Sessions that it minds, as far as the checker may rely on their positions. */
  readonly covers: readonly string[];
}

/** Where wakes of a tenant are announced. */
export const wakeStream = 'wake/0';

interface Pattern {
  readonly text: string;
  /** Told here in its own words: what the checker goes by is not decided by what it checks. */
  readonly takes: (name: string) => boolean;
}

const patterns: readonly Pattern[] = [
  { text: '*', takes: (name) => !name.includes('/') },
  { text: '**', takes: () => true },
  { text: '**/j0', takes: (name) => name === 'j0' || name.endsWith('/j0') },
  { text: 'ünï/**', takes: (name) => name.startsWith('ünï/') },
  { text: 'j0/**', takes: (name) => name === 'j0' },
];

export const isCoverable = ({ isJson, tier, lifetime }: Named): boolean =>
  isJson && tier === 0 && lifetime === 'none';

export function specsOf(
  { subscriptions }: Plan,
  names: readonly Named[],
  prng: SeededPrng,
): SubscriptionSpec[] {
  return Array.from({ length: subscriptions }, (_, index) => specOf(index, names, prng));
}

function specOf(index: number, names: readonly Named[], prng: SeededPrng): SubscriptionSpec {
  const id = `s${index}`;
  const tenant = prng.chance(0.8) ? defaultTenant : pooledTenant;
  const ours = names.filter((named) => named.tenant === tenant);
  const kind = prng.chance(0.5) ? 'pull-wake' : 'webhook';
  const isExplicit = ours.length > 0 && prng.chance(0.3);
  const chosen = isExplicit ? ours.filter(() => prng.chance(0.5)) : [];
  const streams = isExplicit && chosen.length === 0 ? ours.slice(0, 1) : chosen;
  const hasPattern = !isExplicit || prng.chance(0.2);
  const pattern = patterns[prng.chance(0.6) ? 0 : prng.below(patterns.length)] as Pattern;
  const leaseMs = [200, 800, 2_500][prng.below(3)] as number;
  const isMinded = (named: Named): boolean =>
    streams.includes(named) || (hasPattern && pattern.takes(named.name));
  const config = {
    kind,
    pattern: hasPattern ? pattern.text : undefined,
    webhookUrl: kind === 'webhook' ? `https://hooks.example.com/${id}` : undefined,
    wakeStream: kind === 'pull-wake' ? wakeStream : undefined,
    leaseMs,
    description: undefined,
    baseUrl: 'https://tidemark.example.com',
  } as const;
  return {
    id,
    tenant,
    full: `${tenant}/${subscriptionPrefix}${id}`,
    kind,
    leaseMs,
    request: { config, configHash: id, streams: streams.map(({ name }) => name) },
    covers: ours.filter((named) => isCoverable(named) && isMinded(named)).map(({ full }) => full),
  };
}

// The directory of a cell: reserved sessions of its control log, folded as any other.
//
// $tenant/<id>   created {topic, partitions, isPooled, durability, logEpoch, level, keys, bucket?}
//                key-added {key}   key-revoked {hash}   key-ends {hash, atMs}   key-used {hash, atMs}
//                configured {quotas}   retained {policy}   bucket-changed {bucket}   suspended   resumed
//                materialized {materialized}
// $key/<hash>    claimed {tenant}   released {tenant}
// $topic/<name>  begun {logEpoch, level}
// $relay/keys    minted {seed}
//
// (1) A key is its claimant's until that one releases it: no two tenants have one, whoever asked at once.
// (2) A key opens its claimant, and only while that one lists it: a claim alone opens nothing.
// (3) All tenants of a topic have its one log epoch, and the fold level that its shards begin at: that of
//     the control log when it was begun.
// (4) Where a tenant's objects lie is said when it is made, and for good: only how they are reached changes.
//     In a topic of many tenants none has a bucket of its own.
//
// Stored. Never rename.

import { isScope, type Scope } from '@tidemark/auth';
import { limits } from '@tidemark/protocol';
import { unreachable } from '@tidemark/std';
import { isPolicyOrNone, type RetentionPolicy } from './keeping.ts';
import {
  type Check,
  type Fields,
  isCount,
  isFields,
  isFlag,
  isText,
  listOf,
  optional,
  shaped,
} from './shapes.ts';
import { isSameBucket, isTenantBucket, type TenantBucket } from './tenant-bucket.ts';

/** Whose sessions the control log's are. */
export const controlTenant = '$control';

const prefixes = { tenant: '$tenant/', key: '$key/', topic: '$topic/' } as const;

/** What all relay processes sign with. */
export const relayKeysSession = '$relay/keys';

export const tenantSession = (id: string): string => `${prefixes.tenant}${id}`;
export const keySession = (hash: string): string => `${prefixes.key}${hash}`;
export const topicSession = (name: string): string => `${prefixes.topic}${name}`;

/** What is known of an API key, but for the key. */
export interface ApiKey {
  /** SHA-256, hex. */
  readonly hash: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAtMs: number;
  /** From when it opens nothing: where another takes its place. */
  readonly endsAtMs?: number | undefined;
  /** To within an hour. */
  readonly usedAtMs?: number | undefined;
}

/** What a tenant may have of a process; without a figure there is no bound but the process's own. */
export interface Quotas {
  readonly appendsPerSecond?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  readonly liveConnections?: number | undefined;
  readonly eventBytes?: number | undefined;
  readonly sessionsPerHour?: number | undefined;
}

export interface Materialized {
  readonly format: 'ndjson' | 'parquet';
  /** Where it is not, what was exported stays, but for what is erased. */
  readonly isOn: boolean;
}

export interface TenantEntry {
  readonly kind: 'tenant';
  readonly topic: string;
  /** Of the generation that new sessions go to. */
  readonly partitions: number;
  readonly isPooled: boolean;
  readonly durability: 'replicated' | 'fsynced';
  readonly logEpoch: string;
  /** The fold level that its shards begin at. */
  readonly level: number;
  readonly keys: readonly ApiKey[];
  readonly quotas: Quotas;
  /** What its sessions let go, where nothing else is said of one; nothing is let go without. */
  readonly retention?: RetentionPolicy | undefined;
  readonly isSuspended: boolean;
  /** What its events are exported to, as they are archived. */
  readonly materialized?: Materialized | undefined;
  /** Where its objects lie, and not in the server's own bucket. */
  readonly bucket?: TenantBucket | undefined;
}

/** What a tenant is made with. */
export type TenantConfig = Omit<
  TenantEntry,
  'kind' | 'isSuspended' | 'quotas' | 'retention' | 'materialized'
>;

export type DirectoryEntry =
  | TenantEntry
  | { readonly kind: 'key'; readonly tenant: string | undefined }
  | { readonly kind: 'topic'; readonly logEpoch: string; readonly level: number }
  /** Base64url of 32 bytes each, the newest last. */
  | { readonly kind: 'relay-keys'; readonly seeds: readonly string[] };

export type DirectoryFact =
  | ({ readonly type: 'created' } & TenantConfig)
  | { readonly type: 'key-added'; readonly key: ApiKey }
  | { readonly type: 'key-revoked'; readonly hash: string }
  | { readonly type: 'key-ends' | 'key-used'; readonly hash: string; readonly atMs: number }
  | { readonly type: 'configured'; readonly quotas: Quotas }
  | { readonly type: 'retained'; readonly policy: RetentionPolicy | null }
  | { readonly type: 'materialized'; readonly materialized: Materialized }
  | { readonly type: 'bucket-changed'; readonly bucket: TenantBucket }
  | { readonly type: 'suspended' | 'resumed' }
  | { readonly type: 'claimed' | 'released'; readonly tenant: string }
  | { readonly type: 'begun'; readonly logEpoch: string; readonly level: number }
  | { readonly type: 'minted'; readonly seed: string };

type Fact<T extends DirectoryFact['type']> = Extract<DirectoryFact, { type: T }>;

const isApiKey = shaped({
  hash: isText,
  name: isText,
  scopes: listOf(isScope),
  createdAtMs: isCount,
  endsAtMs: optional(isCount),
  usedAtMs: optional(isCount),
});

const isQuotas: Check = (value) =>
  isFields(value) && Object.values(value).every((quota) => isCount(quota));

const shapes: Readonly<Record<DirectoryFact['type'], Check>> = {
  created: shaped({
    topic: isText,
    partitions: isCount,
    isPooled: isFlag,
    durability: (value) => value === 'replicated' || value === 'fsynced',
    logEpoch: isText,
    level: isCount,
    keys: listOf(isApiKey),
    bucket: optional(isTenantBucket),
  }),
  'key-added': shaped({ key: isApiKey }),
  'key-revoked': shaped({ hash: isText }),
  'key-ends': shaped({ hash: isText, atMs: isCount }),
  'key-used': shaped({ hash: isText, atMs: isCount }),
  configured: shaped({ quotas: isQuotas }),
  retained: shaped({ policy: isPolicyOrNone }),
  materialized: shaped({
    materialized: shaped({
      format: (value) => value === 'ndjson' || value === 'parquet',
      isOn: isFlag,
    }),
  }),
  'bucket-changed': shaped({ bucket: isTenantBucket }),
  suspended: shaped({}),
  resumed: shaped({}),
  claimed: shaped({ tenant: isText }),
  released: shaped({ tenant: isText }),
  begun: shaped({ logEpoch: isText, level: isCount }),
  minted: shaped({ seed: isText }),
};

function factOf(facts: Fields): DirectoryFact | undefined {
  const { type } = facts;
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) return undefined;
  const check = shapes[type as DirectoryFact['type']];
  return check(facts) ? (facts as unknown as DirectoryFact) : undefined;
}

export const isDirectorySession = (session: {
  readonly tenant: string;
  readonly name: string;
}): boolean =>
  session.tenant === controlTenant &&
  (session.name === relayKeysSession ||
    Object.values(prefixes).some((prefix) => session.name.startsWith(prefix)));

/** Undefined where the fact cannot be said of this session as it is: the record is then void. */
export function evolveDirectory(
  session: { readonly name: string; readonly entry: DirectoryEntry | undefined },
  facts: Fields,
): DirectoryEntry | undefined {
  const { name, entry } = session;
  const fact = factOf(facts);
  if (fact === undefined) return undefined;
  if (name.startsWith(prefixes.tenant)) {
    return fact.type === 'created' ? created(entry, fact) : evolveTenant(entry, fact);
  }
  if (name.startsWith(prefixes.key)) return evolveKey(entry, fact);
  if (name === relayKeysSession) return minted(entry, fact);
  if (fact.type !== 'begun' || entry !== undefined) return undefined;
  const { logEpoch, level } = fact;
  return { kind: 'topic', logEpoch, level };
}

function created(
  entry: DirectoryEntry | undefined,
  { topic, partitions, isPooled, durability, logEpoch, level, keys, bucket }: Fact<'created'>,
): TenantEntry | undefined {
  if (entry !== undefined || keys.length > limits.tenantKeysMax) return undefined;
  if (isPooled && bucket !== undefined) return undefined;
  const config = { topic, partitions, isPooled, durability, logEpoch, level, keys, bucket };
  return { kind: 'tenant', ...config, quotas: {}, isSuspended: false };
}

const changeKey = (
  keys: readonly ApiKey[],
  hash: string,
  change: Partial<ApiKey>,
): readonly ApiKey[] | undefined =>
  keys.some((key) => key.hash === hash)
    ? keys.map((key) => (key.hash === hash ? { ...key, ...change } : key))
    : undefined;

function evolveTenant(
  entry: DirectoryEntry | undefined,
  fact: Exclude<DirectoryFact, Fact<'created'>>,
): TenantEntry | undefined {
  if (entry?.kind !== 'tenant') return undefined;
  const { keys } = entry;
  switch (fact.type) {
    case 'key-added': {
      const isKnown = keys.some(({ hash }) => hash === fact.key.hash);
      if (isKnown || keys.length >= limits.tenantKeysMax) return undefined;
      return { ...entry, keys: [...keys, fact.key] };
    }
    case 'key-revoked':
      if (keys.every(({ hash }) => hash !== fact.hash)) return undefined;
      return { ...entry, keys: keys.filter(({ hash }) => hash !== fact.hash) };
    case 'key-ends':
    case 'key-used': {
      const change = fact.type === 'key-ends' ? { endsAtMs: fact.atMs } : { usedAtMs: fact.atMs };
      const changed = changeKey(keys, fact.hash, change);
      return changed && { ...entry, keys: changed };
    }
    case 'configured':
      return { ...entry, quotas: fact.quotas };
    case 'retained':
      return { ...entry, retention: fact.policy ?? undefined };
    case 'materialized':
      return { ...entry, materialized: fact.materialized };
    case 'bucket-changed': {
      const { bucket } = entry;
      const isChange = bucket !== undefined && isSameBucket(bucket, fact.bucket);
      return isChange ? { ...entry, bucket: fact.bucket } : undefined;
    }
    case 'suspended':
    case 'resumed':
      return { ...entry, isSuspended: fact.type === 'suspended' };
    case 'claimed':
    case 'released':
    case 'begun':
    case 'minted':
      return undefined;
    default:
      return unreachable(fact);
  }
}

function evolveKey(
  entry: DirectoryEntry | undefined,
  fact: DirectoryFact,
): DirectoryEntry | undefined {
  const tenant = entry?.kind === 'key' ? entry.tenant : undefined;
  if (fact.type === 'claimed' && tenant === undefined) return { kind: 'key', tenant: fact.tenant };
  if (fact.type === 'released' && tenant === fact.tenant) return { kind: 'key', tenant: undefined };
  return undefined;
}

function minted(
  entry: DirectoryEntry | undefined,
  fact: DirectoryFact,
): DirectoryEntry | undefined {
  const seeds = entry?.kind === 'relay-keys' ? entry.seeds : [];
  if (fact.type !== 'minted' || seeds.length >= limits.relayKeysMax) return undefined;
  return { kind: 'relay-keys', seeds: [...seeds, fact.seed] };
}

// The directory of a cell: reserved sessions of its control log, folded as any other.
//
// $tenant/<id>   created {topic, partitions, isPooled, durability, logEpoch, keys}
//                key-added {hash}   key-revoked {hash}   suspended   resumed
// $key/<hash>    claimed {tenant}   released {tenant}
// $topic/<name>  begun {logEpoch}
//
// (1) A key is its claimant's until that one releases it: no two tenants have one, whoever asked at once.
// (2) A key opens its claimant, and only while that one lists it: a claim alone opens nothing.
// (3) All tenants of a topic have its one log epoch.
//
// Stored. Never rename.

import { limits } from '@tidemark/protocol';
import { unreachable } from '@tidemark/std';
import { type Check, type Fields, isCount, isFlag, isText, listOf, shaped } from './shapes.ts';

/** Whose sessions the control log's are. */
export const controlTenant = '$control';

const prefixes = { tenant: '$tenant/', key: '$key/', topic: '$topic/' } as const;

export const tenantSession = (id: string): string => `${prefixes.tenant}${id}`;
export const keySession = (hash: string): string => `${prefixes.key}${hash}`;
export const topicSession = (name: string): string => `${prefixes.topic}${name}`;

export interface TenantEntry {
  readonly kind: 'tenant';
  readonly topic: string;
  /** Of the generation that new sessions go to. */
  readonly partitions: number;
  readonly isPooled: boolean;
  readonly durability: 'replicated' | 'fsynced';
  readonly logEpoch: string;
  /** SHA-256 of each API key, hex. */
  readonly keys: readonly string[];
  readonly isSuspended: boolean;
}

export type DirectoryEntry =
  | TenantEntry
  | { readonly kind: 'key'; readonly tenant: string | undefined }
  | { readonly kind: 'topic'; readonly logEpoch: string };

export type DirectoryFact =
  | ({ readonly type: 'created' } & Omit<TenantEntry, 'kind' | 'isSuspended'>)
  | { readonly type: 'key-added' | 'key-revoked'; readonly hash: string }
  | { readonly type: 'suspended' | 'resumed' }
  | { readonly type: 'claimed' | 'released'; readonly tenant: string }
  | { readonly type: 'begun'; readonly logEpoch: string };

type Fact<T extends DirectoryFact['type']> = Extract<DirectoryFact, { type: T }>;

const shapes: Readonly<Record<DirectoryFact['type'], Check>> = {
  created: shaped({
    topic: isText,
    partitions: isCount,
    isPooled: isFlag,
    durability: (value) => value === 'replicated' || value === 'fsynced',
    logEpoch: isText,
    keys: listOf(isText),
  }),
  'key-added': shaped({ hash: isText }),
  'key-revoked': shaped({ hash: isText }),
  suspended: shaped({}),
  resumed: shaped({}),
  claimed: shaped({ tenant: isText }),
  released: shaped({ tenant: isText }),
  begun: shaped({ logEpoch: isText }),
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
  Object.values(prefixes).some((prefix) => session.name.startsWith(prefix));

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
  if (fact.type !== 'begun' || entry !== undefined) return undefined;
  return { kind: 'topic', logEpoch: fact.logEpoch };
}

function created(
  entry: DirectoryEntry | undefined,
  { topic, partitions, isPooled, durability, logEpoch, keys }: Fact<'created'>,
): TenantEntry | undefined {
  if (entry !== undefined || keys.length > limits.tenantKeysMax) return undefined;
  const config = { topic, partitions, isPooled, durability, logEpoch, keys };
  return { kind: 'tenant', ...config, isSuspended: false };
}

function evolveTenant(
  entry: DirectoryEntry | undefined,
  fact: Exclude<DirectoryFact, Fact<'created'>>,
): TenantEntry | undefined {
  if (entry?.kind !== 'tenant') return undefined;
  const { keys } = entry;
  switch (fact.type) {
    case 'key-added':
      if (keys.includes(fact.hash) || keys.length >= limits.tenantKeysMax) return undefined;
      return { ...entry, keys: [...keys, fact.hash] };
    case 'key-revoked':
      if (!keys.includes(fact.hash)) return undefined;
      return { ...entry, keys: keys.filter((hash) => hash !== fact.hash) };
    case 'suspended':
    case 'resumed':
      return { ...entry, isSuspended: fact.type === 'suspended' };
    case 'claimed':
    case 'released':
    case 'begun':
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

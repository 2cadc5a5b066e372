// Who is a tenant, and where its sessions lie: folded from the directory, an ordinary JSON session
// in the control log. One event a fact.

import { type Durability, type Shard, shardOf } from '@tidemark/ports';
import { defaultTenant, type TenantId } from '@tidemark/protocol';
import { bytesOf, partitionOf, textOf } from '@tidemark/std';
import { type KeySpace, keyOf } from './shard-fold.ts';

export const controlTopic = 'tidemark-control';
export const controlTenant = '$control';
export const directorySession = '$directory';
export const controlShard: Shard = shardOf(controlTopic, 0);
export const poolPartitions = 8;

export interface Tenant {
  readonly id: TenantId;
  readonly topic: string;
  /** Of the generation that new sessions go to. */
  readonly partitions: number;
  readonly isPooled: boolean;
  readonly durability: Durability;
  readonly logEpoch: string;
  /** SHA-256 of the API key, hex; none for the tenant of a server without keys. */
  readonly keyHash: string | undefined;
}

export interface TenantFact extends Tenant {
  readonly type: 'tenant.created';
}

const poolSpace: KeySpace = { kind: 'pool' };

export const spaceOf = (tenant: Tenant): KeySpace =>
  tenant.isPooled ? { kind: 'pool' } : { kind: 'own', tenant: tenant.id };

/** Where a session lies, and its key there. */
export interface Place {
  readonly shard: Shard;
  readonly key: string;
}

export function placeOf(tenant: Tenant, name: string): Place {
  const key = tenant.isPooled ? keyOf(poolSpace, tenant.id, name) : name;
  const { partitions } = tenant;
  const partition = partitions === 1 ? 0 : partitionOf(bytesOf(key), partitions);
  return { shard: shardsOf(tenant)[partition] as Shard, key };
}

/** Made once a tenant: every request asks for one of them. */
const shardLists = new WeakMap<Tenant, readonly Shard[]>();

export function shardsOf(tenant: Tenant): readonly Shard[] {
  const known = shardLists.get(tenant);
  if (known !== undefined) return known;
  const { topic, partitions } = tenant;
  const shards = Array.from({ length: partitions }, (_, partition) => shardOf(topic, partition));
  shardLists.set(tenant, shards);
  return shards;
}

/** The topic of a tenant with one of its own. */
export const ownTopic = (id: TenantId): string => `tidemark.${id}`;
export const poolTopic = (pool: number): string => `tidemark-pool.${pool}`;

export class TenantDirectory {
  readonly #byId = new Map<string, Tenant>();
  readonly #byKeyHash = new Map<string, Tenant>();

  get(id: string): Tenant | undefined {
    return this.#byId.get(id);
  }

  byKeyHash(hash: string): Tenant | undefined {
    return this.#byKeyHash.get(hash);
  }

  get all(): readonly Tenant[] {
    return [...this.#byId.values()];
  }

  get default(): Tenant | undefined {
    return this.#byId.get(defaultTenant);
  }

  /** Another tenant that lies in the same pool, whose log epoch is therefore known. */
  inTopic(topic: string): Tenant | undefined {
    return this.all.find((tenant) => tenant.topic === topic);
  }

  /** Folds one event of the directory. The first fact of a name stands. */
  fold(event: Uint8Array): void {
    const fact = JSON.parse(textOf(event)) as TenantFact;
    if (fact.type !== 'tenant.created' || this.#byId.has(fact.id)) return;
    const { type: _, ...tenant } = fact;
    this.#byId.set(tenant.id, tenant);
    if (tenant.keyHash !== undefined) this.#byKeyHash.set(tenant.keyHash, tenant);
  }
}

// Who is a tenant, and where its sessions lie: what the directory's sessions in the control log say.

import { type Shard, shardOf } from '@tidemark/ports';
import { defaultTenant, type TenantId } from '@tidemark/protocol';
import {
  type ApiKey,
  keySession,
  type SessionState,
  type TenantEntry,
  tenantSession,
} from '@tidemark/session';
import { bytesOf, partitionOf } from '@tidemark/std';
import { type KeySpace, keyOf } from './shard-fold.ts';

export const controlTopic = 'tidemark-control';
export const controlShard: Shard = shardOf(controlTopic, 0);
export const poolPartitions = 8;

export interface Tenant extends Omit<TenantEntry, 'kind'> {
  readonly id: TenantId;
}

/** A tenant, and the key that opens it. */
export interface OpenedTenant {
  readonly tenant: Tenant;
  readonly key: ApiKey;
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
export const ownTopicPrefix = 'tidemark.';
export const ownTopic = (id: TenantId): string => `${ownTopicPrefix}${id}`;
export const poolTopic = (pool: number): string => `tidemark-pool.${pool}`;

const [tenantPrefix, keyPrefix] = [tenantSession(''), keySession('')];

/** What this process has folded of the directory. Kept up by the fold, wherever a record was written. */
export class TenantDirectory {
  readonly #byId = new Map<string, Tenant>();
  readonly #byTopic = new Map<string, Map<string, Tenant>>();
  readonly #ownerOfKey = new Map<string, string>();
  #version = 0;

  /** Rises with whatever changes here: what was found before may not be so any more. */
  get version(): number {
    return this.#version;
  }

  get(id: string): Tenant | undefined {
    return this.#byId.get(id);
  }

  /** Who has claimed a key. */
  ownerOfKey(hash: string): string | undefined {
    return this.#ownerOfKey.get(hash);
  }

  /** The tenant that a key opens: whose it is, and who lists it. */
  byKeyHash(hash: string): OpenedTenant | undefined {
    const tenant = this.#byId.get(this.#ownerOfKey.get(hash) ?? '');
    const key = tenant?.keys.find((each) => each.hash === hash);
    if (tenant === undefined || key === undefined || tenant.isSuspended) return undefined;
    return { tenant, key };
  }

  get all(): readonly Tenant[] {
    return [...this.#byId.values()];
  }

  isSuspended(id: string): boolean {
    return this.#byId.get(id)?.isSuspended === true;
  }

  /** Whose sessions lie in a topic: one tenant's, or those of a pool. */
  onTopic(topic: string): Iterable<Tenant> {
    return this.#byTopic.get(topic)?.values() ?? [];
  }

  get default(): Tenant | undefined {
    return this.#byId.get(defaultTenant);
  }

  /** Takes what the fold has made of one of the control log's sessions. Whether it changed anything. */
  take({ name, entry }: SessionState): boolean {
    if (entry?.kind === 'tenant') {
      const id = name.slice(tenantPrefix.length) as TenantId;
      const { kind: _, ...config } = entry;
      this.#put({ id, ...config });
    } else if (entry?.kind === 'key') {
      const hash = name.slice(keyPrefix.length);
      if (entry.tenant === undefined) this.#ownerOfKey.delete(hash);
      else this.#ownerOfKey.set(hash, entry.tenant);
    } else {
      return false;
    }
    this.#version += 1;
    return true;
  }

  #put(tenant: Tenant): void {
    const { id, topic } = tenant;
    const before = this.#byId.get(id);
    if (before !== undefined) this.#byTopic.get(before.topic)?.delete(id);
    this.#byId.set(id, tenant);
    const ofTopic = this.#byTopic.get(topic) ?? new Map<string, Tenant>();
    this.#byTopic.set(topic, ofTopic.set(id, tenant));
  }
}

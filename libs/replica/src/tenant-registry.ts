// Makes tenants and keeps their keys, by facts in the control log. First what a fact stands on, then the
// fact: the topic and its log epoch before the tenant, a key's claim before its tenant lists it.
// Whatever is left of a request that ends half-way opens nothing, and its repeat finishes it.

import { scopes } from '@tidemark/auth';
import type { Durability } from '@tidemark/ports';
import { limits, Problem, type TenantId } from '@tidemark/protocol';
import {
  type ApiKey,
  type DirectoryAnswer,
  decideAddKey,
  decideBeginTopic,
  decideChangeBucket,
  decideClaimKey,
  decideConfigure,
  decideCreateTenant,
  decideEndKey,
  decideMaterialize,
  decideReleaseKey,
  decideRetainTenant,
  decideRevokeKey,
  decideSuspend,
  decideUseKey,
  type FactDecision,
  isSameBucket,
  keySession,
  knownFoldLevel,
  type Materialized,
  type Quotas,
  type RetentionPolicy,
  type TenantBucket,
  tenantSession,
  topicSession,
} from '@tidemark/session';
import { shardSession } from './shard-fold.ts';
import type { Shards } from './shards.ts';
import { ownTopic, poolPartitions, poolTopic, type Tenant } from './tenants.ts';
import type { Writers } from './writers.ts';

export interface TenantRequest {
  readonly id: TenantId;
  /** Its own topic with so many partitions, or a place in the pool. */
  readonly placement:
    | { readonly kind: 'own'; readonly partitions: number }
    | { readonly kind: 'pool' };
  readonly durability: Durability;
  /** Where its objects lie; undefined: where the server keeps its own. */
  readonly bucket?: TenantBucket | undefined;
  /** Undefined: it has no key yet, or they are not asked for. */
  readonly keyHash: string | undefined;
}

/** What a key is called, and what it may. */
export type KeyDetails = Pick<ApiKey, 'name' | 'scopes'>;

const firstKey: KeyDetails = { name: 'first', scopes };

export interface RegisteredTenant {
  readonly tenant: Tenant;
  /** Whether this call made the tenant, and whether it gave it the key. */
  readonly isNew: boolean;
  readonly isKeyNew: boolean;
}

export class TenantRegistry {
  readonly #shards: Shards;
  readonly #writers: Writers;

  constructor(shards: Shards, writers: Writers) {
    this.#shards = shards;
    this.#writers = writers;
  }

  /** Gives the control log its epoch and the level of this release, unless it has them. */
  async found(): Promise<void> {
    const { control } = this.#shards;
    if (control.fold.logEpoch !== undefined) return;
    const level = Math.min(control.fold.knownLevel, knownFoldLevel);
    await this.#writers.of(control).submit(shardSession, { kind: 'genesis', level });
  }

  /**
   * The tenant, made where it is not there. One that is there has to be as it was asked for; where it has
   * no key at all, it takes the one asked for, so that streams from before keys are reached by it.
   */
  async create(request: TenantRequest): Promise<RegisteredTenant> {
    const { id, keyHash } = request;
    const directory = await this.#shards.currentDirectory();
    const existing = directory.get(id);
    if (existing !== undefined) return this.#confirm(existing, request);
    // Before a topic is made for nothing; who claims at the same time is met by the claim.
    const owner = keyHash === undefined ? undefined : directory.ownerOfKey(keyHash);
    if (owner !== undefined && owner !== id) throw keyTaken();
    const { isPooled, topic, partitions } = placed(request);
    const { durability, bucket } = request;
    await this.#shards.parts.log.ensureTopic({ name: topic, partitions, durability });
    const { logEpoch, level } = await this.#begin(topic);
    if (keyHash !== undefined) await this.#claim(keyHash, id);
    const keys = keyHash === undefined ? [] : [this.#keyOf(keyHash, firstKey)];
    const config = { topic, partitions, isPooled, durability, logEpoch, level, keys, bucket };
    const answer = await this.#ask(tenantSession(id), decideCreateTenant(config));
    const tenant = await this.#tenant(id);
    if (answer.kind === 'done') return { tenant, isNew: true, isKeyNew: keyHash !== undefined };
    return this.#confirm(tenant, request);
  }

  /** The tenant, made where it is not there, and whatever it is where it is. */
  async ensure(request: TenantRequest): Promise<Tenant> {
    const existing = (await this.#shards.currentDirectory()).get(request.id);
    return existing ?? (await this.create(request)).tenant;
  }

  async addKey(id: TenantId, hash: string, details: KeyDetails = firstKey): Promise<void> {
    await this.#known(id);
    await this.#claim(hash, id);
    await this.#ask(tenantSession(id), decideAddKey(this.#keyOf(hash, details)));
  }

  #keyOf(hash: string, { name, scopes: given }: KeyDetails): ApiKey {
    return { hash, name, scopes: given, createdAtMs: this.#shards.parts.clock.nowMs() };
  }

  /** Until then two keys open the tenant: time to bring the new one to where the old one is. */
  async endKey(id: TenantId, hash: string, atMs: number): Promise<void> {
    await this.#ask(tenantSession(id), decideEndKey(hash, atMs));
  }

  /** Written down at most once an hour. */
  async useKey(id: TenantId, hash: string, atMs: number): Promise<void> {
    await this.#ask(tenantSession(id), decideUseKey(hash, atMs));
  }

  async configure(id: TenantId, quotas: Quotas): Promise<void> {
    await this.#known(id);
    await this.#ask(tenantSession(id), decideConfigure(quotas));
  }

  /** Undefined: nothing more is exported. */
  async materialize(id: TenantId, format: Materialized['format'] | undefined): Promise<void> {
    await this.#known(id);
    await this.#ask(tenantSession(id), decideMaterialize(format));
  }

  /** How the bucket that it has is reached from now on. */
  async changeBucket(id: TenantId, bucket: TenantBucket): Promise<void> {
    await this.#known(id);
    await this.#ask(tenantSession(id), decideChangeBucket(bucket));
  }

  /** Null: nothing is let go. */
  async retain(id: TenantId, policy: RetentionPolicy | null): Promise<void> {
    await this.#known(id);
    await this.#ask(tenantSession(id), decideRetainTenant(policy));
  }

  /**
   * From when a process has folded this, the key opens nothing there. A claim that is left of a tenant that
   * was never made goes as well.
   */
  async revokeKey(id: TenantId, hash: string): Promise<void> {
    const isThere = (await this.#shards.currentDirectory()).get(id) !== undefined;
    if (isThere) await this.#ask(tenantSession(id), decideRevokeKey(hash));
    await this.#ask(keySession(hash), decideReleaseKey(id));
  }

  /** No key of a suspended tenant opens anything; what it has stays. */
  async suspend(id: TenantId, isSuspended: boolean): Promise<void> {
    await this.#known(id);
    await this.#ask(tenantSession(id), decideSuspend(isSuspended));
  }

  async #confirm(tenant: Tenant, request: TenantRequest): Promise<RegisteredTenant> {
    const { keyHash } = request;
    const { id, keys } = tenant;
    const isKnown = keyHash === undefined || keys.some(({ hash }) => hash === keyHash);
    if (!isSameConfig(tenant, request) || (!isKnown && keys.length > 0)) {
      // What was claimed for a tenant that another request made is nobody's again.
      if (keyHash !== undefined && !isKnown) {
        await this.#ask(keySession(keyHash), decideReleaseKey(id));
      }
      throw new Problem('tenant-exists', 'the tenant exists with another configuration');
    }
    if (isKnown) return { tenant, isNew: false, isKeyNew: false };
    await this.addKey(id, keyHash);
    return { tenant: await this.#tenant(id), isNew: false, isKeyNew: true };
  }

  async #begin(topic: string): Promise<Extract<DirectoryAnswer, { kind: 'begun' }>> {
    const answer = await this.#ask(topicSession(topic), decideBeginTopic(this.#writers.newId()));
    if (answer.kind === 'begun') return answer;
    throw new Problem('internal', 'a topic was begun without a log epoch');
  }

  async #claim(hash: string, id: TenantId): Promise<void> {
    await this.#ask(keySession(hash), decideClaimKey(id));
  }

  async #known(id: TenantId): Promise<void> {
    if ((await this.#shards.currentDirectory()).get(id) !== undefined) return;
    throw new Problem('not-found', 'no such tenant');
  }

  async #tenant(id: TenantId): Promise<Tenant> {
    const tenant = (await this.#shards.currentDirectory()).get(id);
    if (tenant !== undefined) return tenant;
    throw new Problem('internal', 'a tenant that was made is not there');
  }

  /** Throws the Problem of a refusal, but for a tenant that is there already. */
  async #ask(session: string, decide: FactDecision): Promise<DirectoryAnswer> {
    const command = { kind: 'fact', decide } as const;
    const reply = await this.#writers.of(this.#shards.control).submit(session, command);
    if (reply.kind !== 'answer') throw new Problem('internal', 'a fact was answered otherwise');
    const answer = reply.answer as DirectoryAnswer;
    if (answer.kind !== 'refused') return answer;
    switch (answer.code) {
      case 'taken':
        throw keyTaken();
      case 'too-many-keys': {
        const facts = { limit: 'tenantKeysMax', limitBytes: limits.tenantKeysMax };
        const detail = `a tenant has at most ${limits.tenantKeysMax} keys`;
        throw new Problem('too-large', detail, { facts });
      }
      case 'no-tenant':
        throw new Problem('not-found', 'no such tenant');
      case 'other-bucket':
        throw new Problem('invalid-request', 'where the objects of a tenant lie is said once');
      case 'already-there':
        return answer;
    }
  }
}

const keyTaken = (): Problem => new Problem('key-taken', 'the key opens another tenant');

function placed({
  id,
  placement,
}: TenantRequest): Pick<Tenant, 'isPooled' | 'topic' | 'partitions'> {
  return placement.kind === 'pool'
    ? { isPooled: true, topic: poolTopic(0), partitions: poolPartitions }
    : { isPooled: false, topic: ownTopic(id), partitions: placement.partitions };
}

function isSameConfig(tenant: Tenant, request: TenantRequest): boolean {
  const { isPooled, partitions } = placed(request);
  return (
    tenant.durability === request.durability &&
    tenant.isPooled === isPooled &&
    tenant.partitions === partitions &&
    isInSameBucket(tenant.bucket, request.bucket)
  );
}

const isInSameBucket = (one: TenantBucket | undefined, other: TenantBucket | undefined): boolean =>
  one === undefined || other === undefined ? one === other : isSameBucket(one, other);

import type { Durability } from '@tidemark/ports';
import { hasCode, isProblem, Problem, type TenantId } from '@tidemark/protocol';
import type { AppendCommand } from '@tidemark/session';
import { bytesOf } from '@tidemark/std';
import { shardSession } from './shard-fold.ts';
import type { Shards } from './shards.ts';
import {
  directorySession,
  ownTopic,
  poolPartitions,
  poolTopic,
  type Tenant,
  type TenantFact,
} from './tenants.ts';
import type { Writers } from './writers.ts';

export interface TenantRequest {
  readonly id: TenantId;
  /** Its own topic with so many partitions, or a place in the pool. */
  readonly placement:
    | { readonly kind: 'own'; readonly partitions: number }
    | { readonly kind: 'pool' };
  readonly durability: Durability;
  readonly keyHash: string | undefined;
}

/** Two processes may make the same tenant at once: one of them wins, both see the winner's. */
const attemptsMax = 8;

/** Makes tenants: first the topic, then the fact in the directory that names it. */
export class TenantRegistry {
  readonly #shards: Shards;
  readonly #writers: Writers;

  constructor(shards: Shards, writers: Writers) {
    this.#shards = shards;
    this.#writers = writers;
  }

  /** Gives the control log its epoch and its directory, unless it has them. */
  async found(): Promise<void> {
    const writer = this.#writers.of(this.#shards.control);
    if (this.#shards.control.fold.logEpoch === undefined) {
      await writer.submit(shardSession, { kind: 'genesis' });
    }
    await writer.submit(directorySession, {
      kind: 'create',
      contentType: 'application/json',
      ttlMs: undefined,
      expiresAtMs: undefined,
      isClosed: false,
      events: [],
    });
  }

  /** The tenant; `isNew` says whether this call made it. */
  async create(
    request: TenantRequest,
  ): Promise<{ readonly tenant: Tenant; readonly isNew: boolean }> {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const directory = await this.#shards.currentDirectory();
      const existing = directory.get(request.id);
      if (existing !== undefined) return { tenant: sameTenant(existing, request), isNew: false };
      const tenant = await this.#place(request);
      const made = await this.#announce(tenant);
      if (made !== undefined) return { tenant: made, isNew: true };
    }
    throw new Problem('unavailable', 'the directory keeps moving');
  }

  async #place(request: TenantRequest): Promise<Tenant> {
    const { id, placement, durability, keyHash } = request;
    const isPooled = placement.kind === 'pool';
    const topic = isPooled ? poolTopic(0) : ownTopic(id);
    const partitions = isPooled ? poolPartitions : placement.partitions;
    await this.#shards.parts.log.ensureTopic({ name: topic, partitions, durability });
    const logEpoch = this.#shards.directory.inTopic(topic)?.logEpoch ?? this.#writers.newId();
    return { id, topic, partitions, isPooled, durability, logEpoch, keyHash };
  }

  /** Undefined where the directory has moved: what was decided on it is void. */
  async #announce(tenant: Tenant): Promise<Tenant | undefined> {
    const fact: TenantFact = { type: 'tenant.created', ...tenant };
    const command: AppendCommand = {
      kind: 'append',
      contentType: 'application/json',
      events: [bytesOf(JSON.stringify(fact))],
      close: false,
      matchSeq: this.#shards.directoryLog.state.stream?.tailSeq ?? 0,
    };
    try {
      await this.#writers.of(this.#shards.control).submit(directorySession, command);
    } catch (cause) {
      if (isProblem(cause) && hasCode(cause, 'seq-conflict')) return undefined;
      throw cause;
    }
    return (await this.#shards.currentDirectory()).get(tenant.id);
  }
}

function sameTenant(existing: Tenant, request: TenantRequest): Tenant {
  const { placement } = request;
  const isSame =
    existing.keyHash === request.keyHash &&
    existing.durability === request.durability &&
    existing.isPooled === (placement.kind === 'pool') &&
    (placement.kind === 'pool' || existing.partitions === placement.partitions);
  if (isSame) return existing;
  throw new Problem('tenant-exists', 'the tenant exists with another configuration');
}

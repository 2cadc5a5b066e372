// One object store out of many: what belongs to a tenant with a bucket of its own lies there, all else in the
// server's own.
//
// (1) A key says whose it is by its topic, `shards/<topic>/…`: a topic of one tenant is that tenant's.
// (2) Where a topic's tenant is not known yet nothing is read or written: it might lie elsewhere.
// (3) A tenant's bucket that fails is the failure of that tenant alone: an alarm by its name, and faults to
//     whoever asked for its objects.

import { nonceBytes, Sealer } from '@tidemark/auth';
import {
  type ByteRange,
  Fault,
  isFault,
  type Metrics,
  type ObjectInfo,
  type ObjectStore,
  type Prng,
  type PutOutcome,
  type StoredObject,
} from '@tidemark/ports';
import { Problem, type TenantId } from '@tidemark/protocol';
import { ownerIn, type TenantDirectory } from '@tidemark/replica';
import { type BucketEncryption, bucketPurpose, type TenantBucket } from '@tidemark/session';
import { Secret } from '@tidemark/std';
import type { Alarms } from './alarms.ts';
import { bucketFaults } from './bucket-check.ts';

/** What an adapter needs to open a bucket. */
export interface BucketSettings {
  readonly bucket: string;
  readonly region: string;
  readonly endpoint?: string | undefined;
  readonly prefix?: string | undefined;
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: Secret | undefined;
  readonly role?: { readonly arn: string; readonly externalId?: string | undefined } | undefined;
  readonly encryption?: BucketEncryption | undefined;
  readonly attemptsMax?: number;
  readonly attemptMs?: number;
}

export interface TenantStoreParts {
  readonly prng: Prng;
  readonly metrics: Metrics;
  /** The server's own. */
  readonly own: ObjectStore;
  /** An alarm rings where it fails: of a process that can do nothing without it. */
  readonly isOwnNeeded?: boolean;
  readonly open: (bucket: BucketSettings) => Promise<ObjectStore>;
  /** Without, no secret of a bucket is kept or opened. */
  readonly sealingKey?: Secret | undefined;
}

interface Owner {
  readonly id: TenantId;
  readonly bucket: TenantBucket;
}

interface Opened {
  readonly of: string;
  readonly store: Promise<ObjectStore>;
  calls: number;
  /** Closed with the last call that is under way. */
  isLeft: boolean;
}

/** Buckets open at once; beyond, those that nobody asks are closed, the one asked longest ago first. */
const openMax = 1_000;
/** How long an alarm rings after the last failure: longer than anything is tried again after. */
const failingMs = 15 * 60_000;
/** A check is waited for. */
const checking = { attemptsMax: 1, attemptMs: 5_000 } as const;

export class TenantStores implements ObjectStore {
  readonly #parts: TenantStoreParts;
  readonly #sealer: Sealer | undefined;
  readonly #opened = new Map<TenantId, Opened>();
  #cell: { readonly directory: TenantDirectory; readonly alarms: Alarms } | undefined;

  constructor(parts: TenantStoreParts) {
    this.#parts = parts;
    this.#sealer = parts.sealingKey && new Sealer(parts.sealingKey.reveal());
    parts.metrics.observedGauge(
      { name: 'tidemark_objects_open_buckets', help: 'buckets of tenants that are open' },
      () => this.#opened.size,
    );
  }

  /** From now on it is known who has a bucket. */
  join(cell: { readonly directory: TenantDirectory; readonly alarms: Alarms }): void {
    this.#cell = cell;
  }

  /** As it is kept in the directory. */
  seal(tenant: TenantId, secret: string): string {
    if (this.#sealer === undefined) {
      throw new Problem('no-credential', 'no secret is kept here: the server has no sealing key');
    }
    return this.#sealer.seal(secret, bucketPurpose(tenant), this.#parts.prng.bytes(nonceBytes));
  }

  /** What the bucket refuses of all that is asked of one; nothing: it can be used. */
  async check(tenant: TenantId, bucket: TenantBucket): Promise<readonly string[]> {
    const settings = this.#settingsOf(tenant, bucket);
    await using store = await this.#parts.open({ ...settings, ...checking });
    return await bucketFaults(store, `tidemark/check-${this.#parts.prng.hex(8)}`);
  }

  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    return this.#on(key, (store) => store.putIfAbsent(key, body, signal));
  }

  compareAndSwap(
    key: string,
    write: { readonly expected: string; readonly body: Uint8Array },
    signal?: AbortSignal,
  ): Promise<PutOutcome> {
    return this.#on(key, (store) => store.compareAndSwap(key, write, signal));
  }

  get(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    return this.#on(key, (store) => store.get(key, signal));
  }

  getRange(key: string, range: ByteRange, signal?: AbortSignal): Promise<StoredObject | undefined> {
    return this.#on(key, (store) => store.getRange(key, range, signal));
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.#on(key, (store) => store.head(key, signal));
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    const owner = this.#ownerOf(prefix);
    if (owner === undefined) {
      yield* this.#parts.own.list(prefix, signal);
      return;
    }
    const opened = this.#enter(owner);
    try {
      yield* (await opened.store).list(prefix, signal);
      this.#worked(alarmOf(owner.id));
    } catch (cause) {
      this.#failed(alarmOf(owner.id), cause);
      throw cause;
    } finally {
      await this.#exit(opened);
    }
  }

  async deleteMany(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    const byTopic = Map.groupBy(keys, (key) => topicIn(key));
    for (const some of byTopic.values()) {
      const [first = ''] = some;
      await this.#on(first, (store) => store.deleteMany(some, signal));
    }
  }

  /** Of the buckets of tenants; the server's own belongs to whoever opened it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    await Promise.all(opened.map(leave));
  }

  async #on<T>(key: string, ask: (store: ObjectStore) => Promise<T>): Promise<T> {
    const owner = this.#ownerOf(key);
    if (owner === undefined) return this.#heard(ownAlarm, () => ask(this.#parts.own));
    const opened = this.#enter(owner);
    try {
      return await this.#heard(alarmOf(owner.id), async () => ask(await opened.store));
    } finally {
      await this.#exit(opened);
    }
  }

  /** Invariant 3. */
  async #heard<T>(alarm: string, ask: () => Promise<T>): Promise<T> {
    try {
      const answer = await ask();
      this.#worked(alarm);
      return answer;
    } catch (cause) {
      this.#failed(alarm, cause);
      throw cause;
    }
  }

  /** Whose bucket it lies in; undefined: the server's own. */
  #ownerOf(key: string): Owner | undefined {
    const topic = topicIn(key);
    const id = topic === undefined ? undefined : ownerIn(topic, '').tenant;
    if (id === undefined || id === '' || id.startsWith('$')) return undefined;
    const tenant = this.#cell?.directory.get(id);
    if (tenant === undefined) {
      const what = `it is not known yet where the objects of a topic lie. topic=${topic}`;
      throw new Fault('unavailable', what, { effect: 'none' });
    }
    return tenant.bucket && { id: tenant.id, bucket: tenant.bucket };
  }

  #enter(owner: Owner): Opened {
    const opened = this.#open(owner);
    opened.calls += 1;
    return opened;
  }

  async #exit(opened: Opened): Promise<void> {
    opened.calls -= 1;
    if (opened.isLeft) await leave(opened);
  }

  #open(owner: Owner): Opened {
    const of = JSON.stringify(owner.bucket);
    const known = this.#opened.get(owner.id);
    this.#opened.delete(owner.id);
    if (known?.of === of) {
      this.#opened.set(owner.id, known);
      return known;
    }
    if (known !== undefined) void leave(known);
    this.#makeRoom();
    const opening = async (): Promise<ObjectStore> =>
      this.#parts.open(this.#settingsOf(owner.id, owner.bucket));
    const opened = { of, store: opening(), calls: 0, isLeft: false };
    this.#opened.set(owner.id, opened);
    return opened;
  }

  #makeRoom(): void {
    for (const [id, opened] of this.#opened) {
      if (this.#opened.size < openMax) return;
      if (opened.calls > 0) continue;
      this.#opened.delete(id);
      void leave(opened);
    }
  }

  #settingsOf(tenant: TenantId, bucket: TenantBucket): BucketSettings {
    const { name, region, endpoint, prefix, access, encryption } = bucket;
    const settings = { bucket: name, region, endpoint, prefix, encryption };
    if (access === undefined) return settings;
    if (access.kind === 'role') return { ...settings, role: access };
    const secret = this.#sealer?.open(access.sealed, bucketPurpose(tenant));
    if (secret === undefined) {
      const what = 'the secret of a bucket was sealed with another key than this process has';
      throw new Fault('denied', what, { effect: 'none' });
    }
    return { ...settings, accessKeyId: access.id, secretAccessKey: new Secret(secret) };
  }

  #worked(alarm: string): void {
    this.#cell?.alarms.clear(alarm);
  }

  #failed(alarm: string, cause: unknown): void {
    if (!isFault(cause) || cause.reason === 'aborted') return;
    if (alarm === ownAlarm && this.#parts.isOwnNeeded !== true) return;
    const what = `a bucket fails: what is not published stays in the log. reason=${cause.reason}`;
    this.#cell?.alarms.raise(alarm, what, {
      cause,
      forMs: failingMs,
      isOfTenant: alarm !== ownAlarm,
    });
  }
}

const ownAlarm = 'objects';
const alarmOf = (tenant: TenantId): string => `objects ${tenant}`;

/** `shards/<topic>/…`; undefined where a key is of no topic. */
function topicIn(key: string): string | undefined {
  const [root, topic, rest] = key.split('/', 3);
  return root === 'shards' && rest !== undefined ? topic : undefined;
}

async function leave(opened: Opened): Promise<void> {
  opened.isLeft = true;
  if (opened.calls > 0) return;
  const store = await opened.store.catch(() => undefined);
  await store?.[Symbol.asyncDispose]();
}

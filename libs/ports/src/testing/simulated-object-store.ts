import { bytesOf, murmur2 } from '@tidemark/std';
import { abortedFault } from '../clock.ts';
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOutcome,
  StoredObject,
} from '../object-store.ts';
import { type Faults, noFaults } from './faults.ts';
import { type Call, SimulatedNetwork, type SimulatedNetworkOptions } from './simulated-network.ts';

const pageKeysMax = 1_000;

/** The bucket itself. What a process holds of it is a handle. */
export class SimulatedObjectStore {
  readonly #network: SimulatedNetwork;
  readonly #objects = new Map<string, StoredObject>();
  readonly #options: SimulatedNetworkOptions;

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
    this.#network = new SimulatedNetwork(options);
  }

  connect(name: string): SimulatedStoreHandle {
    const landsAfterCrash = (): boolean => this.#options.prng.chance(0.5);
    return new SimulatedStoreHandle(name, {
      network: this.#network,
      objects: this.#objects,
      landsAfterCrash,
    });
  }

  /** From now on these faults; none, to let a simulation come to rest. */
  setFaults(faults: Faults = noFaults): void {
    this.#network.faults = faults;
  }

  /** Everything stored, by key in order. */
  objects(): ReadonlyMap<string, StoredObject> {
    return new Map(inKeyOrder([...this.#objects]));
  }

  /** Flips one bit of a stored body and leaves its etag. */
  corrupt(key: string, byteIndex: number): void {
    const object = this.#objects.get(key);
    if (object === undefined) throw new RangeError(`no such object. key=${key}`);
    const body = object.body.slice();
    body[byteIndex] = (body[byteIndex] ?? 0) ^ 1;
    this.#objects.set(key, { body, etag: object.etag });
  }
}

interface StoreEngine {
  readonly network: SimulatedNetwork;
  readonly objects: Map<string, StoredObject>;
  readonly landsAfterCrash: () => boolean;
}

export interface StoreCallCounts {
  put: number;
  get: number;
  list: number;
  delete: number;
}

/** One process's connection to the store. */
export class SimulatedStoreHandle implements ObjectStore {
  readonly name: string;
  readonly counts: StoreCallCounts = { put: 0, get: 0, list: 0, delete: 0 };
  readonly #engine: StoreEngine;
  #isCrashed = false;
  #isClosed = false;

  constructor(name: string, engine: StoreEngine) {
    this.name = name;
    this.#engine = engine;
  }

  /** From now on no call of this handle takes effect or returns; what was sent may arrive. */
  crash(): void {
    this.#isCrashed = true;
  }

  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    const { objects } = this.#engine;
    const bytes = body.slice();
    this.counts.put += 1;
    return this.#call({ name: 'putIfAbsent', isWrite: true, signal }, () =>
      objects.has(key) ? { kind: 'refused' } : this.#store(key, bytes),
    );
  }

  compareAndSwap(
    key: string,
    write: { readonly expected: string; readonly body: Uint8Array },
    signal?: AbortSignal,
  ): Promise<PutOutcome> {
    const { objects } = this.#engine;
    const bytes = write.body.slice();
    this.counts.put += 1;
    return this.#call({ name: 'compareAndSwap', isWrite: true, signal }, () =>
      objects.get(key)?.etag === write.expected ? this.#store(key, bytes) : { kind: 'refused' },
    );
  }

  get(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    this.counts.get += 1;
    return this.#call({ name: 'get', isWrite: false, signal }, () => {
      const object = this.#engine.objects.get(key);
      return object && { body: object.body.slice(), etag: object.etag };
    });
  }

  getRange(key: string, range: ByteRange, signal?: AbortSignal): Promise<StoredObject | undefined> {
    this.counts.get += 1;
    return this.#call({ name: 'getRange', isWrite: false, signal }, () => {
      const object = this.#engine.objects.get(key);
      return object && { ...object, body: object.body.slice(range.firstByte, range.endByte) };
    });
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    this.counts.get += 1;
    return this.#call({ name: 'head', isWrite: false, signal }, () => {
      const object = this.#engine.objects.get(key);
      return object && infoOf(key, object);
    });
  }

  /** Page by page, each a call: a listing is no snapshot. */
  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    let after: string | undefined;
    for (;;) {
      const startAfter = after;
      this.counts.list += 1;
      const page = await this.#call({ name: 'list', isWrite: false, signal }, () =>
        this.#page(prefix, startAfter),
      );
      yield* page;
      after = page.at(-1)?.key;
      if (page.length < pageKeysMax) return;
    }
  }

  async deleteMany(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    this.counts.delete += 1;
    await this.#call({ name: 'deleteMany', isWrite: true, signal }, () => {
      for (const key of keys) this.#engine.objects.delete(key);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
  }

  #call<T>(call: Call, effect: () => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(abortedFault());
    const { landsAfterCrash } = this.#engine;
    const caller = { isCrashed: () => this.#isCrashed, landsAfterCrash };
    return this.#engine.network.call(caller, call, effect);
  }

  /** As S3 does it, an etag says what the body is, not which write it was. */
  #store(key: string, body: Uint8Array): PutOutcome {
    const etag = `"${murmur2(body).toString(16)}-${body.length}"`;
    this.#engine.objects.set(key, { body, etag });
    return { kind: 'stored', etag };
  }

  #page(prefix: string, after: string | undefined): ObjectInfo[] {
    const matching = [...this.#engine.objects].filter(([key]) => key.startsWith(prefix));
    return inKeyOrder(matching)
      .filter(([key]) => after === undefined || compareKeys(key, after) > 0)
      .slice(0, pageKeysMax)
      .map(([key, object]) => infoOf(key, object));
  }
}

const infoOf = (key: string, object: StoredObject): ObjectInfo => ({
  key,
  etag: object.etag,
  bytes: object.body.length,
});

const inKeyOrder = <T>(entries: (readonly [string, T])[]): (readonly [string, T])[] =>
  entries.sort(([one], [other]) => compareKeys(one, other));

/** By UTF-8 bytes: strings compare by UTF-16 units, which differs beyond the basic plane. */
export function compareKeys(one: string, other: string): number {
  const left = bytesOf(one);
  const right = bytesOf(other);
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (left[index] as number) - (right[index] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

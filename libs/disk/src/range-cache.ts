// What was read of objects that never change, kept on a local disk for a while: what is read again costs no
// request. Everything else goes to the store as it is.
//
//   file := magic:u32 crc:u32 etag-bytes:u16 etag body       `<hash of the key>-<block>`; the body is at most
//                                                            a block, and shorter only where the object ends
//
// (1) The checksum begins with the key and the block's number. What does not check out is deleted, counted and
//     read from the store again.
// (2) Files together take no more than the budget; the least recently read go first. None is older than
//     `ageMaxMs`: what was erased from the store is gone here by then.
// (3) Nobody waits for a write. Where the disk does not take one, the cache keeps less.
// (4) The folder is this process's own: what lies in it and is no file of ours is removed.

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  abortedFault,
  type ByteRange,
  type Clock,
  type Counter,
  type Logger,
  type Metrics,
  type ObjectInfo,
  type ObjectStore,
  type PutOutcome,
  type StoredObject,
  type Timer,
} from '@tidemark/ports';
import { concatBytes, present, RecentMap, textOf } from '@tidemark/std';

export interface RangeCacheSettings {
  readonly directory: string;
  readonly bytesMax: number;
  readonly ageMaxMs?: number;
}

interface CacheParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Kept {
  readonly bytes: number;
  readonly sinceMs: number;
}

interface Block {
  readonly body: Uint8Array;
  readonly etag: string;
}

const blockBytes = 256 * 1_024;
const headBytes = 10;
const magic = 0x43524d54;
const hourMs = 3_600_000;
const sweepMs = 60_000;
/** More at once, and what was read is not kept. */
const writesMax = 32;
const namePattern = /^[0-9a-f]{32}-\d+$/;
/** Written once, under a name that is never used again. */
const immutable = /^shards\/[^/]+\/[^/]+\/[^/]+\/(segments|tables)\//;

export async function openRangeCache(
  store: ObjectStore,
  parts: CacheParts,
  settings: RangeCacheSettings,
): Promise<ObjectStore> {
  await mkdir(settings.directory, { recursive: true, mode: 0o700 });
  const cache = new RangeCache(store, parts, settings);
  await cache.begin();
  return cache;
}

class RangeCache implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #parts: CacheParts;
  readonly #settings: Required<RangeCacheSettings>;
  /** The least recently read first. */
  readonly #kept = new RecentMap<string, Kept>();
  readonly #loading = new Map<string, Promise<Block | undefined>>();
  readonly #writing = new Set<Promise<void>>();
  /** Deleted while something was written. */
  readonly #gone = new Set<string>();
  readonly #hits: Counter;
  readonly #misses: Counter;
  readonly #corrupt: Counter;
  #bytes = 0;
  #writes = 0;
  #isClosed = false;
  #timer: Timer | undefined;

  constructor(store: ObjectStore, parts: CacheParts, settings: RangeCacheSettings) {
    this.#store = store;
    this.#parts = parts;
    this.#settings = { ageMaxMs: hourMs, ...settings };
    const counter = (name: string, help: string): Counter =>
      parts.metrics.counter({ name: `tidemark_cache_${name}_total`, help });
    this.#hits = counter('hits', 'blocks of objects that were on the local disk');
    this.#misses = counter('misses', 'blocks of objects that were not');
    this.#corrupt = counter('corrupt', 'blocks on the local disk that were not what was written');
    parts.metrics.observedGauge(
      { name: 'tidemark_cache_bytes', help: 'bytes of objects on the local disk' },
      () => this.#bytes,
    );
  }

  /** Takes over what an earlier process left. */
  async begin(): Promise<void> {
    const { directory, ageMaxMs } = this.#settings;
    const nowMs = this.#parts.clock.nowMs();
    const found: { readonly name: string; readonly bytes: number; readonly mtimeMs: number }[] = [];
    for (const name of await readdir(directory)) {
      const info = await stat(join(directory, name)).catch(() => undefined);
      // Whoever had the folder before may still remove what it found old.
      if (info === undefined) continue;
      const isOurs = namePattern.test(name) && nowMs - info.mtimeMs < ageMaxMs;
      if (isOurs) found.push({ name, bytes: info.size, mtimeMs: info.mtimeMs });
      else await rm(join(directory, name), { recursive: true, force: true });
    }
    found.sort((one, other) => one.mtimeMs - other.mtimeMs);
    for (const { name, bytes, mtimeMs } of found) this.#keep(name, { bytes, sinceMs: mtimeMs });
    this.#sweepLater();
  }

  async getRange(
    key: string,
    range: ByteRange,
    signal?: AbortSignal,
  ): Promise<StoredObject | undefined> {
    const { firstByte, endByte } = range;
    if (!immutable.test(key) || endByte <= firstByte) {
      return this.#store.getRange(key, range, signal);
    }
    const first = Math.floor(firstByte / blockBytes);
    const end = Math.ceil(endByte / blockBytes);
    const blocks = await this.#until(signal, this.#blocks(key, { first, end }));
    if (blocks === undefined) return undefined;
    const bytes = blocks.length === 1 ? (blocks[0] as Block).body : concatBytes(blocks.map(bodyOf));
    const from = first * blockBytes;
    const body = bytes.subarray(firstByte - from, endByte - from);
    return { body, etag: present(blocks[0], 'block').etag };
  }

  async deleteMany(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    await this.#store.deleteMany(keys, signal);
    const gone = new Set(keys.map(hashOf));
    for (const [name] of this.#kept.entries()) if (gone.has(hashIn(name))) this.#forget(name);
    // What is being written of them goes as soon as it is there.
    if (this.#writing.size > 0) for (const hash of gone) this.#gone.add(hash);
  }

  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    return this.#store.putIfAbsent(key, body, signal);
  }

  compareAndSwap(
    key: string,
    write: { readonly expected: string; readonly body: Uint8Array },
    signal?: AbortSignal,
  ): Promise<PutOutcome> {
    return this.#store.compareAndSwap(key, write, signal);
  }

  get(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    return this.#store.get(key, signal);
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.#store.head(key, signal);
  }

  list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    return this.#store.list(prefix, signal);
  }

  /** The store belongs to whoever opened it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    // What was written may have pushed out something, whose file is removed then.
    while (this.#writing.size > 0) await Promise.all(this.#writing);
  }

  /** Undefined where the object is not there; fewer than asked for where it ends. */
  async #blocks(
    key: string,
    { first, end }: { readonly first: number; readonly end: number },
  ): Promise<readonly Block[] | undefined> {
    const hash = hashOf(key);
    const numbers = Array.from({ length: end - first }, (_, index) => first + index);
    const found = await Promise.all(numbers.map((number) => this.#known(key, `${hash}-${number}`)));
    const missing: number[] = [];
    for (const [index, block] of found.entries()) {
      if (block === undefined) missing.push(first + index);
      // The object ends with it.
      else if (block.body.length < blockBytes) break;
    }
    const unasked = missing.filter((number) => !this.#loading.has(`${hash}-${number}`));
    for (const run of runsOf(unasked)) this.#load(key, hash, run);
    const blocks = await Promise.all(
      numbers.map(async (number, index) => found[index] ?? this.#loading.get(`${hash}-${number}`)),
    );
    if (blocks[0] === undefined) return undefined;
    const ending = blocks.findIndex(
      (block) => block === undefined || block.body.length < blockBytes,
    );
    return blocks.slice(0, ending === -1 ? blocks.length : ending + 1).filter(isBlock);
  }

  /** Blocks that follow one another, in one request. Until they are written they are had from here. */
  #load(key: string, hash: string, run: readonly number[]): void {
    const [first = 0] = run;
    const range = { firstByte: first * blockBytes, endByte: (first + run.length) * blockBytes };
    const loading = this.#store.getRange(key, range);
    for (const [index, number] of run.entries()) {
      const name = `${hash}-${number}`;
      const block = loading.then((object): Block | undefined => {
        if (object === undefined) return undefined;
        const body = object.body.slice(index * blockBytes, (index + 1) * blockBytes);
        return { body, etag: object.etag };
      });
      this.#loading.set(name, block);
      block
        .then((loaded) => loaded && this.#write(key, name, loaded))
        .catch(() => undefined)
        .finally(() => this.#loading.delete(name));
    }
  }

  async #known(key: string, name: string): Promise<Block | undefined> {
    const kept = this.#kept.get(name);
    const isOld = kept !== undefined && this.#isOld(kept);
    if (isOld) this.#forget(name);
    const block = kept === undefined || isOld ? undefined : await this.#readFile(key, name);
    if (block === undefined) {
      this.#misses.add(1);
      return undefined;
    }
    this.#hits.add(1);
    this.#kept.use(name);
    return block;
  }

  /** Invariant 1. */
  async #readFile(key: string, name: string): Promise<Block | undefined> {
    let file: Buffer;
    try {
      file = await readFile(join(this.#settings.directory, name));
    } catch {
      this.#forget(name);
      return undefined;
    }
    const block = decodeBlock(file, seedOf(key, name));
    if (block !== undefined) return block;
    this.#corrupt.add(1);
    this.#parts.logger.error({ name }, 'a file of the cache is not what was written to it');
    this.#forget(name);
    return undefined;
  }

  async #write(key: string, name: string, block: Block): Promise<void> {
    if (this.#isClosed || block.body.length === 0 || this.#writing.size >= writesMax) return;
    const { directory } = this.#settings;
    const file = encodeBlock(block, seedOf(key, name));
    this.#writes += 1;
    const beside = join(directory, `${name}.${this.#writes}`);
    const write = async (): Promise<void> => {
      try {
        await writeFile(beside, file, { mode: 0o600 });
        await rename(beside, join(directory, name));
        this.#keep(name, { bytes: file.length, sinceMs: this.#parts.clock.nowMs() });
        if (this.#gone.has(hashIn(name))) this.#forget(name);
      } catch (cause) {
        this.#parts.logger.warn({ err: cause }, 'what was read of an object is not kept');
        await rm(beside, { force: true }).catch(() => undefined);
      }
    };
    await this.#track(write());
  }

  async #track(work: Promise<void>): Promise<void> {
    this.#writing.add(work);
    await work;
    this.#writing.delete(work);
    if (this.#writing.size === 0) this.#gone.clear();
  }

  /** Invariant 2. */
  #keep(name: string, kept: Kept): void {
    this.#bytes += kept.bytes - (this.#kept.get(name)?.bytes ?? 0);
    this.#kept.set(name, kept);
    for (const [oldest] of this.#kept.entries()) {
      if (this.#bytes <= this.#settings.bytesMax) return;
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.#kept.delete(name);
    this.#bytes -= kept.bytes;
    const removed = rm(join(this.#settings.directory, name), { force: true });
    void this.#track(
      removed.catch((cause: unknown) => {
        this.#parts.logger.warn({ err: cause, name }, 'a file of the cache cannot be removed');
      }),
    );
  }

  #isOld({ sinceMs }: Kept): boolean {
    return this.#parts.clock.nowMs() - sinceMs >= this.#settings.ageMaxMs;
  }

  #sweepLater(): void {
    this.#timer = this.#parts.clock.schedule(sweepMs, () => {
      for (const [name, kept] of this.#kept.entries()) if (this.#isOld(kept)) this.#forget(name);
      this.#sweepLater();
    });
  }

  /** What is fetched is for all who ask: it goes on without one who has left. */
  async #until<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
    if (signal === undefined) return work;
    const { promise, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(abortedFault(signal));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([work, promise]);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }
}

const bodyOf = ({ body }: Block): Uint8Array => body;
const isBlock = (block: Block | undefined): block is Block => block !== undefined;

const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 32);

const hashIn = (name: string): string => name.slice(0, name.indexOf('-'));

const seedOf = (key: string, name: string): number => crc32(name, crc32(key));

function runsOf(numbers: readonly number[]): readonly number[][] {
  const runs: number[][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run?.at(-1) === number - 1) run.push(number);
    else runs.push([number]);
  }
  return runs;
}

function encodeBlock({ body, etag }: Block, seed: number): Uint8Array {
  const etagBytes = Buffer.from(etag);
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(magic, 0);
  head.writeUInt16LE(etagBytes.length, 8);
  const crc = crc32(body, crc32(etagBytes, crc32(head.subarray(8), seed)));
  head.writeUInt32LE(crc, 4);
  return concatBytes([head, etagBytes, body]);
}

/** Undefined where the file is not what was written. */
function decodeBlock(file: Buffer, seed: number): Block | undefined {
  if (file.length < headBytes || file.readUInt32LE(0) !== magic) return undefined;
  if (crc32(file.subarray(8), seed) !== file.readUInt32LE(4)) return undefined;
  const bodyAt = headBytes + file.readUInt16LE(8);
  return { etag: textOf(file.subarray(headBytes, bodyAt)), body: file.subarray(bodyAt) };
}

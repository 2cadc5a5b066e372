// Reads tables of an object store, through one cache under one budget.
//
// (1) A cold look-up costs one ranged read for the end of a table, once, and one for what it needs of its
//     blocks: neighbours come in one request.
// (2) Nothing is served that fails its checksum.

import type { ObjectStore } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import type { Block, Entry } from './block.ts';
import { BlockCache } from './block-cache.ts';
import {
  type BlockIndex,
  type BlockPlace,
  decodeMeta,
  readBlock,
  TableCorrupt,
  type TableMeta,
} from './table-format.ts';
import type { TableRef } from './table-writer.ts';

/** Blocks that lie no farther apart come in one request. */
const gapBytesMax = 64 * 1_024;
/** What one request of neighbours takes at most. */
const requestBytesMax = 4 * 1_024 * 1_024;
/** What a scan reads ahead at most, in one request. */
const aheadBytes = 256 * 1_024;
/** A scan begins with one block, since most want a few entries of each of many tables, and reads so much more each time. */
const aheadFactor = 4;

export interface TableScan {
  readonly from: Uint8Array;
  /** All of it is read, and not again: so it reads ahead at once, and leaves nothing in the cache. */
  readonly isOnce?: boolean | undefined;
}

export interface TableLookUp {
  readonly keys: readonly Uint8Array[];
  /** A larger block does not stay in the cache: who asks keeps what it makes of it. */
  readonly keptBytesMax?: number;
}

interface Fetched {
  readonly firstByte: number;
  readonly endByte: number;
  readonly blocks: readonly { readonly block: number; readonly place: BlockPlace }[];
}

interface BlocksOf {
  readonly ref: TableRef;
  readonly index: BlockIndex;
  /** A larger block does not stay in the cache; any does where nothing is said. */
  readonly keptBytesMax?: number | undefined;
}

export class TableStore {
  readonly #store: ObjectStore;
  readonly #cache: BlockCache;

  constructor(store: ObjectStore, settings: { readonly cacheBytesMax: number }) {
    this.#store = store;
    this.#cache = new BlockCache(settings.cacheBytesMax);
  }

  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  /** What the table says of these keys, by their place; those that it says nothing of are left out. */
  async lookUp(
    ref: TableRef,
    { keys, keptBytesMax }: TableLookUp,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Uint8Array, Entry['value']>> {
    const { index, filter } = await this.meta(ref, signal);
    const wanted = new Map<number, Uint8Array[]>();
    for (const key of keys) {
      const block = filter.mayHave(key) ? index.blockOf(key) : -1;
      if (block === -1) continue;
      wanted.set(block, [...(wanted.get(block) ?? []), key]);
    }
    const found = new Map<Uint8Array, Entry['value']>();
    if (wanted.size === 0) return found;
    const blocks = await this.#blocks({ ref, index, keptBytesMax }, [...wanted.keys()], signal);
    for (const [block, asked] of wanted) {
      for (const key of asked) {
        const entry = blocks.get(block)?.find(key);
        if (entry !== undefined) found.set(key, entry.value);
      }
    }
    return found;
  }

  /** Its entries from a key up to another, all of them at once: neighbouring blocks come in one request. */
  async range(
    ref: TableRef,
    { from, end, isOnce = false }: TableScan & { readonly end: Uint8Array },
    signal: AbortSignal,
  ): Promise<readonly Entry[]> {
    const { index } = await this.meta(ref, signal);
    const wanted: number[] = [];
    for (let block = Math.max(0, index.blockOf(from)); block < index.count; block += 1) {
      if (Buffer.compare(index.firstKey(block), end) >= 0) break;
      wanted.push(block);
    }
    const blocks = await this.#blocks({ ref, index, ...keptOf(isOnce) }, wanted, signal);
    const found: Entry[] = [];
    for (const number of wanted) {
      for (const entry of blocks.get(number)?.from(from) ?? []) {
        if (Buffer.compare(entry.key, end) >= 0) break;
        found.push(entry);
      }
    }
    return found;
  }

  /** Its entries from a key on, a few blocks at a time. */
  async *entries(
    ref: TableRef,
    { from, isOnce = false }: TableScan,
    signal: AbortSignal,
  ): AsyncGenerator<Entry> {
    const { index } = await this.meta(ref, signal);
    const first = Math.max(0, index.blockOf(from));
    for (const next of stretches(index, { first, step: 1, isWhole: isOnce })) {
      const blocks = await this.#blocks({ ref, index, ...keptOf(isOnce) }, next, signal);
      for (const number of next) yield* blocks.get(number)?.from(from) ?? [];
    }
  }

  /** Its entries before a key, the last one first. */
  async *entriesBack(
    ref: TableRef,
    before: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Entry> {
    const { index } = await this.meta(ref, signal);
    const first = index.blockOf(before);
    for (const next of stretches(index, { first, step: -1, isWhole: false })) {
      const blocks = await this.#blocks({ ref, index }, next, signal);
      for (const number of next) yield* blocks.get(number)?.before(before) ?? [];
    }
  }

  meta(ref: TableRef, signal: AbortSignal): Promise<TableMeta> {
    return this.#cache.load(`${ref.name} meta`, async () => {
      const range = { firstByte: ref.metaStart, endByte: ref.bytes };
      const value = guarded(decodeMeta, await this.#read(ref, range, signal));
      return { value, bytes: value.index.costBytes + value.filter.bits.length };
    });
  }

  async #blocks(
    { ref, index, keptBytesMax = Number.POSITIVE_INFINITY }: BlocksOf,
    blocks: readonly number[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, Block>> {
    const found = new Map<number, Block>();
    const missing: { readonly block: number; readonly place: BlockPlace }[] = [];
    for (const block of [...blocks].sort((one, other) => one - other)) {
      const known = this.#cache.get<Block>(`${ref.name} ${block}`);
      if (known === undefined) missing.push({ block, place: index.place(block) });
      else found.set(block, known);
    }
    await Promise.all(
      neighbours(missing).map(async (fetched) => {
        const bytes = await this.#read(ref, fetched, signal);
        for (const { block, place } of fetched.blocks) {
          const start = place.offset - fetched.firstByte;
          const stored = bytes.subarray(start, start + place.bytes);
          const decoded = guarded((given) => readBlock(given, place), stored);
          const { costBytes } = decoded;
          if (costBytes <= keptBytesMax)
            this.#cache.set(`${ref.name} ${block}`, decoded, costBytes);
          found.set(block, decoded);
        }
      }),
    );
    return found;
  }

  async #read(
    ref: TableRef,
    { firstByte, endByte }: Pick<Fetched, 'firstByte' | 'endByte'>,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const object = await this.#get(ref, { firstByte, endByte }, signal);
    if (object === undefined) throw new Problem('unavailable', 'a table is not there any more');
    return object.body;
  }

  async #get(
    { name }: TableRef,
    range: { readonly firstByte: number; readonly endByte: number },
    signal: AbortSignal,
  ): ReturnType<ObjectStore['getRange']> {
    try {
      return await this.#store.getRange(name, range, signal);
    } catch (cause) {
      throw new Problem('unavailable', 'a table cannot be read', { cause });
    }
  }
}

/** What is corrupt is told as such, whoever asked. */
function guarded<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array): T {
  try {
    return decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TableCorrupt)) throw cause;
    throw new Problem('corrupt', cause.message, { cause });
  }
}

function neighbours(missing: Fetched['blocks']): Fetched[] {
  const requests: Fetched[] = [];
  for (const wanted of missing) {
    const { offset, bytes } = wanted.place;
    const endByte = offset + bytes;
    const last = requests.at(-1);
    const isNear =
      last !== undefined &&
      offset - last.endByte <= gapBytesMax &&
      endByte - last.firstByte <= requestBytesMax;
    if (isNear) {
      requests[requests.length - 1] = { ...last, endByte, blocks: [...last.blocks, wanted] };
    } else {
      requests.push({ firstByte: offset, endByte, blocks: [wanted] });
    }
  }
  return requests;
}

/** What is read once leaves nothing in the cache. */
const keptOf = (isOnce: boolean): Pick<BlocksOf, 'keptBytesMax'> =>
  isOnce ? { keptBytesMax: 0 } : {};

/** The blocks of a scan, forwards or back, as they are read: few at first, more the longer it goes on. */
function* stretches(
  index: BlockIndex,
  from: { readonly first: number; readonly step: 1 | -1; readonly isWhole: boolean },
): Generator<readonly number[]> {
  let bytesMax = from.isWhole ? aheadBytes : 0;
  for (let block = from.first; block >= 0 && block < index.count; ) {
    const taken: number[] = [];
    let bytes = 0;
    do {
      taken.push(block);
      bytes += index.place(block).bytes;
      block += from.step;
    } while (bytes < bytesMax && block >= 0 && block < index.count);
    bytesMax = Math.min(aheadBytes, aheadFactor * bytes);
    yield taken;
  }
}

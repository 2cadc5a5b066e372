import { crc32 } from 'node:zlib';
import { assert } from '@tidemark/std';
import type { Entry } from './block.ts';
import { BloomFilter, hashesOf } from './bloom-filter.ts';
import { ByteWriter } from './byte-buffers.ts';
import { blockBytesTarget, compressBlock, encodeMeta, writeEntry } from './table-format.ts';

/** What a manifest says of a table, so that one ranged read opens it. */
export interface TableRef {
  readonly name: string;
  readonly bytes: number;
  /** Where its meta begins, behind the blocks. */
  readonly metaStart: number;
  readonly entries: number;
  /** Its first and its last key, as text. */
  readonly first: string;
  readonly last: string;
}

export interface WrittenTable {
  readonly body: Uint8Array;
  readonly ref: Omit<TableRef, 'name'>;
}

/** Makes one table of entries that are added in key order, block by block. */
export class TableWriter {
  readonly #block = new ByteWriter();
  readonly #index = new ByteWriter();
  readonly #blocks: Uint8Array[] = [];
  readonly #hashes: (readonly [number, number])[] = [];
  #blockFirst: Uint8Array | undefined;
  #first: Uint8Array | undefined;
  #last: Uint8Array | undefined;
  #bytes = 0;

  get entries(): number {
    return this.#hashes.length;
  }

  /** Of the blocks that are finished. */
  get bytes(): number {
    return this.#bytes;
  }

  add(entry: Entry): void {
    const { key } = entry;
    const isNext = this.#last === undefined || Buffer.compare(this.#last, key) < 0;
    assert(isNext, 'entries come in key order, each key once');
    // Whoever looks up a small one does not read a large one with it.
    if (key.length + (entry.value?.length ?? 0) >= blockBytesTarget / 2) this.#endBlock();
    this.#first ??= key;
    this.#last = key;
    this.#blockFirst ??= key;
    this.#hashes.push(hashesOf(key));
    writeEntry(this.#block, entry);
    if (this.#block.length >= blockBytesTarget) this.#endBlock();
  }

  finish(): WrittenTable {
    this.#endBlock();
    const { entries } = this;
    const blocks = this.#blocks.length;
    const filter = BloomFilter.of(this.#hashes, entries);
    const meta = encodeMeta(this.#index.take(), filter, { entries, blocks });
    const metaStart = this.#bytes;
    const body = Buffer.concat([...this.#blocks, meta]);
    const first = Buffer.from(this.#first ?? []).toString();
    const last = Buffer.from(this.#last ?? []).toString();
    return { body, ref: { bytes: body.length, metaStart, entries, first, last } };
  }

  #endBlock(): void {
    if (this.#blockFirst === undefined) return;
    const stored = compressBlock(this.#block.take());
    this.#index.varint(this.#blockFirst.length);
    this.#index.bytes(this.#blockFirst);
    this.#index.varint(this.#bytes);
    this.#index.varint(stored.length);
    this.#index.uint32(crc32(stored));
    this.#blocks.push(stored);
    this.#bytes += stored.length;
    this.#blockFirst = undefined;
  }
}

// A table, an immutable sorted map from keys to values:
//
//   table   := block* meta footer
//   block   := zstd(entry*)                          about 16 KiB of entries, in key order; a large one by itself
//   entry   := key-bytes:varint value-bytes+1:varint key value          0 for value-bytes+1: the key is gone
//   meta    := zstd(index) filter
//   index   := (key-bytes:varint first-key offset:varint bytes:varint crc32:u32)*   one a block
//   filter  := bits:u8*                              a Bloom filter over all keys, 10 bits and 7 probes a key
//   footer  := entries:u32 blocks:u32 index-bytes:u32 filter-bytes:u32 crc32(meta):u32 version:u16 magic:u16
//
// Numbers are little endian, varints unsigned LEB128, keys compared by their bytes. Whoever names a
// table knows its length and where its meta begins, so that one ranged read opens it and one more
// reads a block. Stored. Never change what version 1 means.

import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { assert, ownBytes } from '@tidemark/std';
import { Block, type Entry } from './block.ts';
import { BloomFilter } from './bloom-filter.ts';
import { ByteReader, type ByteWriter } from './byte-buffers.ts';

export const footerBytes = 24;
const version = 1;
const magic = 0x6d74;
/** Entries of a block before they are compressed: a look-up reads and decodes one. */
export const blockBytesTarget = 16 * 1_024;

/** What is where in a table. */
export interface BlockPlace {
  readonly offset: number;
  readonly bytes: number;
  readonly crc32: number;
}

export class TableCorrupt extends Error {
  override readonly name = 'TableCorrupt';
}

export function writeEntry(writer: ByteWriter, { key, value }: Entry): void {
  writer.varint(key.length);
  writer.varint(value === undefined ? 0 : value.length + 1);
  writer.bytes(key);
  if (value !== undefined) writer.bytes(value);
}

export const compressBlock = (entries: Uint8Array): Uint8Array =>
  ownBytes(zstdCompressSync(entries));

/** Throws TableCorrupt where the bytes are not what was written. */
export function readBlock(stored: Uint8Array, place: BlockPlace): Block {
  if (stored.length !== place.bytes || crc32(stored) !== place.crc32) {
    throw new TableCorrupt('a block fails its checksum');
  }
  return decoded(() => new Block(ownBytes(zstdDecompressSync(stored))));
}

/** Blocks by their first keys, packed: a table of a million entries has fifty thousand. */
export class BlockIndex {
  readonly #index: Uint8Array;
  readonly #starts: Uint32Array;

  constructor(index: Uint8Array, blocks: number) {
    this.#index = index;
    this.#starts = new Uint32Array(blocks);
    const reader = new ByteReader(index);
    for (let block = 0; block < blocks; block += 1) {
      this.#starts[block] = reader.at;
      reader.take(reader.nextUnsigned());
      reader.nextUnsigned();
      reader.nextUnsigned();
      reader.uint32();
    }
    if (!reader.isAtEnd) throw new TableCorrupt('the index has more than its blocks');
  }

  get count(): number {
    return this.#starts.length;
  }

  get costBytes(): number {
    return this.#index.length + this.#starts.byteLength;
  }

  firstKey(block: number): Uint8Array {
    const reader = this.#readerAt(block);
    return reader.take(reader.nextUnsigned());
  }

  place(block: number): BlockPlace {
    const reader = this.#readerAt(block);
    reader.take(reader.nextUnsigned());
    return { offset: reader.nextUnsigned(), bytes: reader.nextUnsigned(), crc32: reader.uint32() };
  }

  /** The only block that may hold a key; -1 where it lies before all. */
  blockOf(key: Uint8Array): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare(this.firstKey(middle), key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #readerAt(block: number): ByteReader {
    const start = this.#starts[block];
    assert(start !== undefined, 'a block of the table');
    return new ByteReader(this.#index, start);
  }
}

export interface TableMeta {
  readonly index: BlockIndex;
  readonly filter: BloomFilter;
  readonly entries: number;
}

export function encodeMeta(
  index: Uint8Array,
  filter: BloomFilter,
  counts: { readonly entries: number; readonly blocks: number },
): Uint8Array {
  const compressed = zstdCompressSync(index);
  const meta = Buffer.concat([compressed, filter.bits]);
  const footer = Buffer.alloc(footerBytes);
  footer.writeUInt32LE(counts.entries, 0);
  footer.writeUInt32LE(counts.blocks, 4);
  footer.writeUInt32LE(compressed.length, 8);
  footer.writeUInt32LE(filter.bits.length, 12);
  footer.writeUInt32LE(crc32(meta), 16);
  footer.writeUInt16LE(version, 20);
  footer.writeUInt16LE(magic, 22);
  return Buffer.concat([meta, footer]);
}

/** Throws TableCorrupt where the bytes are not the end of a table. */
export function decodeMeta(stored: Uint8Array): TableMeta {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (bytes.length < footerBytes) throw new TableCorrupt('a table ends too soon');
  const footer = bytes.subarray(-footerBytes);
  const isTable = footer.readUInt16LE(20) === version && footer.readUInt16LE(22) === magic;
  if (!isTable) throw new TableCorrupt('no table, or of another version');
  const meta = bytes.subarray(0, -footerBytes);
  const indexBytes = footer.readUInt32LE(8);
  const isWhole =
    meta.length === indexBytes + footer.readUInt32LE(12) && crc32(meta) === footer.readUInt32LE(16);
  if (!isWhole) throw new TableCorrupt('the meta of a table fails its checksum');
  return decoded(() => ({
    index: new BlockIndex(
      ownBytes(zstdDecompressSync(meta.subarray(0, indexBytes))),
      footer.readUInt32LE(4),
    ),
    filter: new BloomFilter(Uint8Array.from(meta.subarray(indexBytes))),
    entries: footer.readUInt32LE(0),
  }));
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new TableCorrupt('a part of a table does not decode', { cause });
  }
}

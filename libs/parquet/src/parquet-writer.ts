// A Parquet file of flat columns:
//
//   file   := "PAR1" group* metadata metadata-bytes:u32 "PAR1"
//   group  := chunk{columns}                   rows up to a bound; what a reader decodes at once
//   chunk  := dictionary-page? data-page
//   page   := header zstd(body)                header and metadata in Thrift's compact protocol
//
// (1) The same rows in the same order are the same bytes.
// (2) What is held are the rows of one group.

import { constants, zstdCompressSync } from 'node:zlib';
import { type Cell, type Column, ColumnBuffer, type ColumnBytes } from './column-buffer.ts';
import {
  binary,
  bool,
  encodeStruct,
  int32,
  int64,
  list,
  struct,
  type Value,
} from './compact-struct.ts';

const magic = Buffer.from('PAR1');
const version = 2;
const createdBy = 'tidemark';

// Numbers of the format.
const physical = { int64: 2, byteArray: 6 } as const;
const encodings = { plain: 0, runs: 3, numbered: 8 } as const;
const zstd = 6;
const pages = { data: 0, dictionary: 2 } as const;

/** A group ends with whichever it reaches first. */
const groupRowsMax = 122_880;
const groupBytesMax = 32 * 1_024 * 1_024;

const compressed = (bytes: Uint8Array): Buffer =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });

interface WrittenChunk {
  readonly metadata: Value;
  readonly storedBytes: number;
  readonly rawBytes: number;
}

export class ParquetWriter {
  readonly #columns: readonly ColumnBuffer[];
  readonly #groups: Value[] = [];
  #pieces: Uint8Array[] = [magic];
  #fileBytes = magic.length;
  #groupRows = 0;
  #rows = 0;

  constructor(columns: readonly Column[]) {
    this.#columns = columns.map((column) => new ColumnBuffer(column));
  }

  get rows(): number {
    return this.#rows;
  }

  /** A cell for each column, in their order. */
  add(row: readonly Cell[]): void {
    for (const [index, column] of this.#columns.entries()) column.add(row[index] ?? null);
    this.#rows += 1;
    this.#groupRows += 1;
    const isFull = this.#groupRows >= groupRowsMax || this.#heldBytes() >= groupBytesMax;
    if (isFull) this.#endGroup();
  }

  #heldBytes(): number {
    return this.#columns.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Bytes of the file that are ready, one behind the other. */
  take(): readonly Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** What comes last; nothing is added any more. */
  end(): readonly Uint8Array[] {
    if (this.#groupRows > 0) this.#endGroup();
    const metadata = encodeStruct({
      1: int32(version),
      2: list([
        struct({ 4: binary('schema'), 5: int32(this.#columns.length) }),
        ...this.#columns.map(({ column }) => schemaOf(column)),
      ]),
      3: int64(this.#rows),
      4: list(this.#groups),
      6: binary(createdBy),
      // That bounds are those of each type's own order.
      7: list(this.#columns.map(() => struct({ 1: struct({}) }))),
    });
    const length = Buffer.alloc(4);
    length.writeUInt32LE(metadata.length);
    this.#push(metadata, length, magic);
    return this.take();
  }

  #push(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#pieces.push(piece);
      this.#fileBytes += piece.length;
    }
  }

  #endGroup(): void {
    const start = this.#fileBytes;
    const chunks = this.#columns.map((column) => this.#writeChunk(column));
    this.#groups.push(
      struct({
        1: list(chunks.map(({ metadata }) => metadata)),
        2: int64(chunks.reduce((sum, { rawBytes }) => sum + rawBytes, 0)),
        3: int64(this.#groupRows),
        5: int64(start),
        6: int64(chunks.reduce((sum, { storedBytes }) => sum + storedBytes, 0)),
      }),
    );
    this.#groupRows = 0;
  }

  #writeChunk(buffer: ColumnBuffer): WrittenChunk {
    const { column } = buffer;
    const taken = buffer.take();
    const { dictionary, data } = taken;
    const start = this.#fileBytes;
    let rawBytes = 0;
    if (dictionary !== undefined) {
      const { bytes, count } = dictionary;
      const header = { 7: struct({ 1: int32(count), 2: int32(encodings.plain) }) };
      rawBytes += this.#writePage(pages.dictionary, bytes, header);
    }
    const dataStart = this.#fileBytes;
    const encoding = dictionary === undefined ? encodings.plain : encodings.numbered;
    const header = {
      5: struct({
        1: int32(this.#groupRows),
        2: int32(encoding),
        3: int32(encodings.runs),
        4: int32(encodings.runs),
      }),
    };
    rawBytes += this.#writePage(pages.data, data, header);
    const storedBytes = this.#fileBytes - start;
    const metadata = struct({
      1: int32(physicalOf(column)),
      2: list([encoding, encodings.runs].map(int32)),
      3: list([binary(column.name)]),
      4: int32(zstd),
      5: int64(this.#groupRows),
      6: int64(rawBytes),
      7: int64(storedBytes),
      9: int64(dataStart),
      11: dictionary === undefined ? undefined : int64(start),
      12: statisticsOf(taken),
    });
    return { metadata: struct({ 2: int64(start), 3: metadata }), storedBytes, rawBytes };
  }

  /** Answers the bytes of the page before it was compressed, with its header. */
  #writePage(kind: number, body: Uint8Array, header: Readonly<Record<number, Value>>): number {
    const stored = compressed(body);
    const head = encodeStruct({
      1: int32(kind),
      2: int32(body.length),
      3: int32(stored.length),
      ...header,
    });
    this.#push(head, stored);
    return head.length + body.length;
  }
}

const physicalOf = ({ kind }: Column): number =>
  kind === 'whole' || kind === 'time' ? physical.int64 : physical.byteArray;

/** What a column means, as old readers and as new ones are told. */
const meanings = {
  text: { converted: 0, logical: struct({ 1: struct({}) }) },
  label: { converted: 0, logical: struct({ 1: struct({}) }) },
  json: { converted: 19, logical: struct({ 12: struct({}) }) },
  time: {
    converted: 9,
    logical: struct({ 8: struct({ 1: bool(true), 2: struct({ 1: struct({}) }) }) }),
  },
  bytes: undefined,
  whole: undefined,
} as const;

function schemaOf(column: Column): Value {
  const meaning = meanings[column.kind];
  return struct({
    1: int32(physicalOf(column)),
    3: int32(column.isOptional === true ? 1 : 0),
    4: binary(column.name),
    6: meaning && int32(meaning.converted),
    10: meaning?.logical,
  });
}

/** Of long texts no bounds are kept. */
const boundBytesMax = 64;

function statisticsOf({ nulls, least, greatest }: ColumnBytes): Value {
  const isShort = Math.max(least?.length ?? 0, greatest?.length ?? 0) <= boundBytesMax;
  return struct({
    3: int64(nulls),
    5: isShort && greatest !== undefined ? binary(greatest) : undefined,
    6: isShort && least !== undefined ? binary(least) : undefined,
  });
}

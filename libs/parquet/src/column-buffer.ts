// One column of the rows that are not written yet, and its bytes as Parquet has them.

import { GrowingBytes } from './growing-bytes.ts';
import { bitsFor, encodeRuns } from './run-lengths.ts';

/** `label`: text that repeats. `time`: milliseconds since 1970. */
export type ColumnKind = 'text' | 'label' | 'json' | 'bytes' | 'whole' | 'time';

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly isOptional?: true;
}

export type Cell = string | number | Uint8Array | null;

/** As stored: see `encodings`. */
export interface ColumnBytes {
  /** Each value that there is once, where the column is written by their numbers. */
  readonly dictionary: { readonly bytes: Uint8Array; readonly count: number } | undefined;
  readonly data: Uint8Array;
  readonly nulls: number;
  readonly least: Uint8Array | undefined;
  readonly greatest: Uint8Array | undefined;
}

/** More values than this are written as they are: their numbers would be no shorter. */
const dictionaryMax = 65_536;

export class ColumnBuffer {
  readonly column: Column;
  readonly #values = new GrowingBytes(65_536);
  readonly #numbers = new Map<string, number>();
  #present: number[] = [];
  #indexes: number[] = [];
  #least: number | undefined;
  #greatest: number | undefined;

  constructor(column: Column) {
    this.column = column;
  }

  get bytes(): number {
    return this.#values.length + 4 * this.#indexes.length;
  }

  /** Null only where the column is optional. */
  add(cell: Cell): void {
    if (this.column.isOptional === true) this.#present.push(cell === null ? 0 : 1);
    if (cell === null) return;
    if (typeof cell === 'number') this.#addNumber(cell);
    else if (this.column.kind === 'label') this.#addLabel(String(cell));
    else this.#addBytes(typeof cell === 'string' ? Buffer.from(cell) : cell);
  }

  #addNumber(value: number): void {
    this.#values.int64(value);
    if (this.#least === undefined || value < this.#least) this.#least = value;
    if (this.#greatest === undefined || value > this.#greatest) this.#greatest = value;
  }

  #addBytes(bytes: Uint8Array): void {
    this.#values.uint32(bytes.length);
    this.#values.append(bytes);
  }

  #addLabel(text: string): void {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(text, number);
      this.#addBytes(Buffer.from(text));
    }
    this.#indexes.push(number);
  }

  /** What was added, and begins anew. */
  take(): ColumnBytes {
    const levels = this.#levels();
    const isLabel = this.column.kind === 'label';
    const isNumbered = isLabel && this.#numbers.size <= dictionaryMax;
    const values = isNumbered ? this.#indexBytes() : isLabel ? this.#labelBytes() : undefined;
    const taken: ColumnBytes = {
      dictionary: isNumbered
        ? { bytes: Uint8Array.from(this.#values.bytes), count: this.#numbers.size }
        : undefined,
      data: Buffer.concat([levels, values ?? this.#values.bytes]),
      nulls: this.#present.length - this.#present.filter((bit) => bit === 1).length,
      ...this.#bounds(),
    };
    this.#values.clear();
    this.#numbers.clear();
    [this.#present, this.#indexes] = [[], []];
    [this.#least, this.#greatest] = [undefined, undefined];
    return taken;
  }

  #levels(): Buffer {
    if (this.column.isOptional !== true) return Buffer.alloc(0);
    const runs = encodeRuns(Uint32Array.from(this.#present), 1);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(runs.length);
    return Buffer.concat([length, runs]);
  }

  #indexBytes(): Buffer {
    const bits = bitsFor(this.#numbers.size);
    return Buffer.concat([Uint8Array.of(bits), encodeRuns(Uint32Array.from(this.#indexes), bits)]);
  }

  #labelBytes(): Buffer {
    const labels = [...this.#numbers.keys()].map((label) => Buffer.from(label));
    const all = new GrowingBytes(this.#values.length);
    for (const index of this.#indexes) {
      const label = labels[index] ?? Buffer.alloc(0);
      all.uint32(label.length);
      all.append(label);
    }
    return all.bytes;
  }

  #bounds(): Pick<ColumnBytes, 'least' | 'greatest'> {
    if (this.column.kind === 'label') {
      const labels = [...this.#numbers.keys()].map((label) => Buffer.from(label));
      labels.sort((one, other) => Buffer.compare(one, other));
      return { least: labels[0], greatest: labels.at(-1) };
    }
    return { least: numberBytes(this.#least), greatest: numberBytes(this.#greatest) };
  }
}

function numberBytes(value: number | undefined): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const bytes = new GrowingBytes(8);
  bytes.int64(value);
  return bytes.bytes;
}

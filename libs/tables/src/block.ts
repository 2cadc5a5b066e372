import { ByteReader } from './byte-buffers.ts';

export interface Entry {
  readonly key: Uint8Array;
  /** Undefined where the key is gone: it hides what older tables have. */
  readonly value: Uint8Array | undefined;
}

/**
 * The entries of a block as they lie there, with where each begins. An entry is made when it is asked for: a
 * block may have thousands, and a look-up wants one.
 */
export class Block {
  readonly #bytes: Uint8Array;
  readonly #starts: Uint32Array;

  /** Throws where the bytes are no entries. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const starts: number[] = [];
    const reader = new ByteReader(bytes);
    while (!reader.isAtEnd) {
      starts.push(reader.at);
      const keyBytes = reader.nextUnsigned();
      const valueBytes = reader.nextUnsigned();
      reader.skip(keyBytes + Math.max(0, valueBytes - 1));
    }
    this.#starts = Uint32Array.from(starts);
  }

  get count(): number {
    return this.#starts.length;
  }

  get costBytes(): number {
    return this.#bytes.length + this.#starts.byteLength;
  }

  entry(index: number): Entry {
    const reader = new ByteReader(this.#bytes, this.#starts[index]);
    const keyBytes = reader.nextUnsigned();
    const valueBytes = reader.nextUnsigned();
    const key = reader.take(keyBytes);
    return { key, value: valueBytes === 0 ? undefined : reader.take(valueBytes - 1) };
  }

  find(key: Uint8Array): Entry | undefined {
    const at = this.indexFrom(key);
    if (at === this.count) return undefined;
    const entry = this.entry(at);
    return Buffer.compare(entry.key, key) === 0 ? entry : undefined;
  }

  /** The first entry at or behind a key; the count where there is none. */
  indexFrom(key: Uint8Array): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  *from(key: Uint8Array): Generator<Entry> {
    for (let index = this.indexFrom(key); index < this.count; index += 1) yield this.entry(index);
  }

  /** Before a key, the last one first. */
  *before(key: Uint8Array): Generator<Entry> {
    for (let index = this.indexFrom(key) - 1; index >= 0; index -= 1) yield this.entry(index);
  }

  #compare(index: number, key: Uint8Array): number {
    const reader = new ByteReader(this.#bytes, this.#starts[index]);
    const keyBytes = reader.nextUnsigned();
    reader.nextUnsigned();
    return compareWithin(this.#bytes, { start: reader.at, end: reader.at + keyBytes }, key);
  }
}

function compareWithin(
  bytes: Uint8Array,
  { start, end }: { readonly start: number; readonly end: number },
  key: Uint8Array,
): number {
  const common = Math.min(end - start, key.length);
  for (let at = 0; at < common; at += 1) {
    const difference = (bytes[start + at] as number) - (key[at] as number);
    if (difference !== 0) return difference;
  }
  return end - start - key.length;
}

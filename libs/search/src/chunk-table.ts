// Chunks that were seen, and the numbers of what they are searched by. A chunk is found where it stands in its
// text, by a hash that was made as it was read: most chunks come again, and none of those is copied.

import type { ChunkScanner, TextCodes } from './chunk-scanner.ts';

const firstSlots = 1_024;

export class ChunkTable {
  /** Chunks' numbers plus 1, by hash; 0 where there is none. */
  #slots = new Int32Array(firstSlots);
  #hashes = new Int32Array(firstSlots / 2);
  #count = 0;
  /** Where the characters of a chunk begin, and all characters. */
  #charStarts = new Uint32Array(firstSlots / 2 + 1);
  #chars = new Uint16Array(4 * firstSlots);
  /** Where the numbers of a chunk begin, and all numbers. */
  #starts = new Uint32Array(firstSlots / 2 + 1);
  #numbers = new Uint32Array(firstSlots);

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    const found = this.#slots.byteLength + this.#hashes.byteLength;
    const chars = this.#charStarts.byteLength + this.#chars.byteLength;
    return found + chars + this.#starts.byteLength + this.#numbers.byteLength;
  }

  /** A place in `numbers`, and with the next one where they end; -1 for a chunk that is new. */
  find({ codes }: TextCodes, { start, end, hash }: ChunkScanner): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const chunk = (this.#slots[slot] as number) - 1;
      if (chunk === -1) return -1;
      if (this.#hashes[chunk] === hash && this.#isAt(chunk, codes, { start, end })) return chunk;
    }
  }

  #isAt(
    chunk: number,
    codes: Uint16Array,
    { start, end }: { readonly start: number; readonly end: number },
  ): boolean {
    const chars = this.#chars;
    const shift = (this.#charStarts[chunk] as number) - start;
    if (this.#charStarts[chunk + 1] !== end + shift) return false;
    for (let at = start; at < end; at += 1) if (chars[at + shift] !== codes[at]) return false;
    return true;
  }

  add(
    { codes }: TextCodes,
    { start, end, hash }: ChunkScanner,
    numbers: readonly number[],
  ): number {
    const number = this.#count;
    if (number === this.#hashes.length) this.#grow();
    const first = this.#starts[number] as number;
    while (first + numbers.length > this.#numbers.length) {
      this.#numbers = enlarged(this.#numbers, new Uint32Array(2 * this.#numbers.length));
    }
    for (let at = 0; at < numbers.length; at += 1) {
      this.#numbers[first + at] = numbers[at] as number;
    }
    this.#starts[number + 1] = first + numbers.length;
    const firstChar = this.#charStarts[number] as number;
    while (firstChar + end - start > this.#chars.length) {
      this.#chars = enlarged(this.#chars, new Uint16Array(2 * this.#chars.length));
    }
    this.#chars.set(codes.subarray(start, end), firstChar);
    this.#charStarts[number + 1] = firstChar + end - start;
    this.#hashes[number] = hash;
    this.#count += 1;
    this.#place(number);
    return number;
  }

  startOf(chunk: number): number {
    return this.#starts[chunk] as number;
  }

  get numbers(): Uint32Array {
    return this.#numbers;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#count = 0;
  }

  #place(chunk: number): void {
    const mask = this.#slots.length - 1;
    let slot = (this.#hashes[chunk] as number) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = chunk + 1;
  }

  /** At most half of the slots are taken. */
  #grow(): void {
    const count = 2 * this.#hashes.length;
    this.#hashes = enlarged(this.#hashes, new Int32Array(count));
    this.#starts = enlarged(this.#starts, new Uint32Array(count + 1));
    this.#charStarts = enlarged(this.#charStarts, new Uint32Array(count + 1));
    this.#slots = new Int32Array(2 * count);
    for (let chunk = 0; chunk < this.#count; chunk += 1) this.#place(chunk);
  }
}

function enlarged<T extends Uint32Array | Int32Array | Uint16Array>(values: T, larger: T): T {
  larger.set(values);
  return larger;
}

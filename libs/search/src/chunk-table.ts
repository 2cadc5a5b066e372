// Chunks that were seen, and the numbers of what they are searched by. A chunk is found where it stands in its
// text, by a hash that was made as it was read: most chunks come again, and none of those is copied.

import type { ChunkScanner } from './chunk-scanner.ts';

const firstSlots = 1_024;
/** What a chunk takes beside its characters and numbers. */
const chunkBytes = 64;

export class ChunkTable {
  /** Chunks' numbers plus 1, by hash; 0 where there is none. */
  #slots = new Int32Array(firstSlots);
  #hashes = new Int32Array(firstSlots / 2);
  #chunks: string[] = [];
  /** Where the numbers of a chunk begin, and all numbers. */
  #starts = new Uint32Array(firstSlots / 2 + 1);
  #numbers = new Uint32Array(firstSlots);
  #bytes = 0;

  get count(): number {
    return this.#chunks.length;
  }

  get bytes(): number {
    const found = this.#slots.byteLength + this.#hashes.byteLength;
    return this.#bytes + found + this.#starts.byteLength + this.#numbers.byteLength;
  }

  /** A place in `numbers`, and with the next one where they end; -1 for a chunk that is new. */
  find(text: string, { start, end, hash }: ChunkScanner): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const chunk = (this.#slots[slot] as number) - 1;
      if (chunk === -1) return -1;
      if (this.#hashes[chunk] !== hash) continue;
      const known = this.#chunks[chunk] as string;
      if (known.length === end - start && text.startsWith(known, start)) return chunk;
    }
  }

  add(chunk: string, hash: number, numbers: readonly number[]): number {
    const number = this.#chunks.length;
    if (number === this.#hashes.length) this.#grow();
    const start = this.#starts[number] as number;
    while (start + numbers.length > this.#numbers.length) {
      this.#numbers = enlarged(this.#numbers, new Uint32Array(2 * this.#numbers.length));
    }
    this.#numbers.set(numbers, start);
    this.#starts[number + 1] = start + numbers.length;
    this.#hashes[number] = hash;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length + chunkBytes;
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
    this.#chunks = [];
    this.#bytes = 0;
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
    this.#slots = new Int32Array(2 * count);
    for (let chunk = 0; chunk < this.#chunks.length; chunk += 1) this.#place(chunk);
  }
}

function enlarged<T extends Uint32Array | Int32Array>(values: T, larger: T): T {
  larger.set(values);
  return larger;
}

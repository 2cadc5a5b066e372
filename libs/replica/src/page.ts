// A page holds the bodies of consecutive events of one session as the bytes that are served:
//
//   JSON session    e0 ',' e1 ',' ... en ','        a read is '[' + a range without its last ',' + ']'
//   byte stream     e0 e1 ... en                    a read is a range
//
// with the end of each event in the page, and its offset in the log. An evicted page keeps both, and
// gets its bodies back from the log; a page behind which another has begun keeps them in 12 bytes an event.

import { assert, present } from '@tidemark/std';

const firstPageBytes = 1_024;
/** Behind a page that is full. What a page outgrows is garbage, and outside the heap that is dear. */
const nextPageBytes = 262_144;
const pageBytesMax = 1_048_576;
const comma = 0x2c;

interface PageIndex {
  readonly ends: ArrayLike<number>;
  /** As numbers: a log ends long before they lose precision. */
  readonly offsets: ArrayLike<number>;
}

interface OpenIndex extends PageIndex {
  readonly ends: number[];
  readonly offsets: number[];
}

export class Page {
  readonly firstSeq: number;
  readonly firstPosition: number;
  readonly isJson: boolean;
  #index: PageIndex;
  /** The same, as long as events may follow. */
  #open: OpenIndex | undefined;
  readonly #leastBytes: number;
  #bytes: Uint8Array | undefined;
  #length = 0;

  constructor(first: {
    readonly seq: number;
    readonly position: number;
    readonly isJson: boolean;
    readonly follows?: Page | undefined;
  }) {
    this.#leastBytes =
      (first.follows?.lengthBytes ?? 0) < nextPageBytes ? firstPageBytes : nextPageBytes;
    this.#open = { ends: [], offsets: [] };
    this.#index = this.#open;
    this.firstSeq = first.seq;
    this.firstPosition = first.position;
    this.isJson = first.isJson;
  }

  /** End of each event in the page, separator included. */
  get ends(): ArrayLike<number> {
    return this.#index.ends;
  }

  /** Where each event lies in the log. */
  get offsets(): ArrayLike<number> {
    return this.#index.offsets;
  }

  get count(): number {
    return this.#index.ends.length;
  }

  get endSeq(): number {
    return this.firstSeq + this.count;
  }

  get endPosition(): number {
    return this.firstPosition + (this.isJson ? this.count : this.#length);
  }

  get isHot(): boolean {
    return this.#bytes !== undefined || this.#length === 0;
  }

  get lengthBytes(): number {
    return this.#length;
  }

  /** Whether another event of this size goes here rather than into a page of its own. */
  fits(bodyBytes: number): boolean {
    return this.count === 0 || (this.isHot && this.#length + bodyBytes + 1 <= pageBytesMax);
  }

  /** Returns by how much the memory taken has grown. */
  append(body: Uint8Array, offset: number): number {
    const open = present(this.#open, 'index of an open page');
    const grown = this.#reserve(body.length + 1);
    const bytes = present(this.#bytes, 'bytes of an open page');
    bytes.set(body, this.#length);
    this.#length += body.length;
    if (this.isJson) {
      bytes[this.#length] = comma;
      this.#length += 1;
    }
    open.ends.push(this.#length);
    open.offsets.push(offset);
    return grown;
  }

  /** No event follows any more. */
  seal(): void {
    const { ends, offsets } = this.#index;
    this.#index = { ends: Uint32Array.from(ends), offsets: Float64Array.from(offsets) };
    this.#open = undefined;
  }

  #reserve(bytes: number): number {
    const needed = this.#length + bytes;
    const had = this.#bytes?.length ?? 0;
    if (needed <= had) return 0;
    let size = Math.max(this.#leastBytes, had);
    while (size < needed && size < pageBytesMax) size *= size < nextPageBytes ? 2 : 4;
    // Earlier ranges stay valid: they look at the old buffer, whose bytes never change.
    // Not zeroed: only what was written is ever looked at.
    const larger = Buffer.allocUnsafeSlow(Math.max(size, needed));
    if (this.#bytes !== undefined) larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    return larger.length - had;
  }

  /** Bytes that were freed. */
  evict(): number {
    const freed = this.#bytes?.length ?? 0;
    this.#bytes = undefined;
    return freed;
  }

  /** Takes the bodies back; returns the memory that they take. */
  restore(bodies: readonly Uint8Array[]): number {
    assert(bodies.length === this.count, 'every event of the page is in the log');
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const body of bodies) {
      bytes.set(body, at);
      at += body.length;
      if (this.isJson) {
        bytes[at] = comma;
        at += 1;
      }
    }
    assert(at === this.#length, 'an event has the length that it had');
    this.#bytes = bytes;
    return bytes.length;
  }

  /** Where the event at an index begins in the page. */
  startOf(index: number): number {
    return index === 0 ? 0 : present(this.ends[index - 1], 'event of the page');
  }

  range(start: number, end: number): Uint8Array {
    return present(this.#bytes, 'bytes of a hot page').subarray(start, end);
  }
}

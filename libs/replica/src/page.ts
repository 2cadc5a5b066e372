// A page holds the bodies of consecutive events of one session as the bytes that are served:
//
//   JSON session    e0 ',' e1 ',' ... en ','        a read is '[' + a range without its last ',' + ']'
//   byte stream     e0 e1 ... en                    a read is a range
//
// with the end of each event. It knows nothing of where they are kept when it is gone.

import { assert, present } from '@tidemark/std';
import { pageBytesMax, ServedBytes } from './served-bytes.ts';

/** A page of tiny events is read again whole: so many of them take a few milliseconds. */
export const pageEventsMax = 4_096;
/** Behind each event of a JSON session. */
export const eventComma = 0x2c;
/** An end, as a number in an array that grows. */
const endBytes = 8;

export interface PageStart {
  readonly seq: number;
  readonly position: number;
  readonly isJson: boolean;
}

/** Consecutive events as they are served, one behind the other, and where each ends. */
export interface ServedEvents {
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
}

export interface SliceBounds {
  readonly position: number;
  /** Not beyond this position. */
  readonly endPosition: number;
  readonly bytesMax: number;
  readonly eventsMax: number;
  /** One event at least, however large. */
  readonly takesOne: boolean;
}

/** A part of a page: whole events but where a byte position, or a fork, lies inside one. */
export interface PageSlice {
  /** One behind the other. */
  readonly parts: readonly Uint8Array[];
  readonly lengthBytes: number;
  readonly events: number;
  readonly endSeq: number;
  readonly endPosition: number;
  /** Each event's own; whole ones only. */
  readonly split: () => readonly Uint8Array[];
}

export class Page {
  readonly firstSeq: number;
  readonly firstPosition: number;
  readonly isJson: boolean;
  readonly #ends: number[] = [];
  readonly #bytes: ServedBytes;

  constructor({ seq, position, isJson }: PageStart, bytes = ServedBytes.behind(0)) {
    this.firstSeq = seq;
    this.firstPosition = position;
    this.isJson = isJson;
    this.#bytes = bytes;
  }

  /** Behind one of so many bytes. */
  static behind(start: PageStart, lengthBefore: number): Page {
    return new Page(start, ServedBytes.behind(lengthBefore));
  }

  /** For events that are read again, `lengthBytes` in all as they are served. */
  static sized(start: PageStart, lengthBytes: number): Page {
    return new Page(start, ServedBytes.sized(lengthBytes));
  }

  get count(): number {
    return this.#ends.length;
  }

  get lengthBytes(): number {
    return this.#bytes.length;
  }

  get endSeq(): number {
    return this.firstSeq + this.count;
  }

  get endPosition(): number {
    return this.firstPosition + (this.isJson ? this.count : this.lengthBytes);
  }

  /** What it takes in memory. */
  get costBytes(): number {
    return this.#bytes.costBytes + endBytes * this.#ends.length;
  }

  /** Whether another event of this size goes here rather than into a page of its own. */
  fits(bodyBytes: number): boolean {
    if (this.count === 0) return true;
    return this.count < pageEventsMax && this.lengthBytes + bodyBytes + 1 <= pageBytesMax;
  }

  append(body: Uint8Array): void {
    this.#bytes.append(body, this.isJson ? eventComma : undefined);
    this.#ends.push(this.lengthBytes);
  }

  /** Says whether it keeps them where they are: then they are nobody else's. */
  takeServed({ bytes, ends }: ServedEvents): boolean {
    const before = this.lengthBytes;
    for (const end of ends) this.#ends.push(before + end);
    return this.#bytes.take(bytes);
  }

  /** The events from a position on (a byte position may lie inside one); undefined where none fits. */
  slice(bounds: SliceBounds): PageSlice | undefined {
    const { position, endPosition: limit, bytesMax, eventsMax, takesOne } = bounds;
    const firstIndex = this.#indexAt(position);
    const start = this.isJson ? this.#startOf(firstIndex) : position - this.firstPosition;
    let endIndex = firstIndex;
    let end = start;
    while (endIndex < this.count && endIndex - firstIndex < eventsMax) {
      const next = present(this.#ends[endIndex], 'end of an event');
      // A fork may leave a byte stream inside an event: that far, and no further.
      if (this.firstPosition + (this.isJson ? endIndex + 1 : next) > limit) {
        if (this.isJson || this.firstPosition + end === limit) break;
        end = limit - this.firstPosition;
        endIndex += 1;
        break;
      }
      if (next - start > bytesMax && !(takesOne && endIndex === firstIndex)) break;
      end = next;
      endIndex += 1;
    }
    if (endIndex === firstIndex) return undefined;
    assert(end <= this.lengthBytes, 'a slice ends with its page');
    return {
      parts: this.#bytes.parts(start, end),
      lengthBytes: end - start,
      events: endIndex - firstIndex,
      endSeq: this.firstSeq + endIndex,
      endPosition: this.firstPosition + (this.isJson ? endIndex : end),
      split: () => this.#bodiesFrom(firstIndex, endIndex),
    };
  }

  /** All of them, as they were appended. */
  get bodies(): readonly Uint8Array[] {
    return this.#bodiesFrom(0, this.count);
  }

  #bodiesFrom(firstIndex: number, endIndex: number): readonly Uint8Array[] {
    const bodies: Uint8Array[] = [];
    for (let index = firstIndex; index < endIndex; index += 1) {
      const end = present(this.#ends[index], 'end of an event');
      bodies.push(this.#bytes.part(this.#startOf(index), this.isJson ? end - 1 : end));
    }
    return bodies;
  }

  /** The seq of the event at a position, or of the next page's first at the end. */
  seqAt(position: number): number {
    return this.firstSeq + this.#indexAt(position);
  }

  /** The position at which an event begins. */
  positionOf(seq: number): number {
    const index = seq - this.firstSeq;
    return this.firstPosition + (this.isJson ? index : this.#startOf(index));
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : present(this.#ends[index - 1], 'event of the page');
  }

  #indexAt(position: number): number {
    const within = position - this.firstPosition;
    if (this.isJson) return within;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] as number) <= within) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

// A page holds the bodies of consecutive events of one session as the bytes that are served:
//
//   JSON session    e0 ',' e1 ',' ... en ','        a read is '[' + a range without its last ',' + ']'
//   byte stream     e0 e1 ... en                    a read is a range
//
// with the end of each event. It knows nothing of where they are kept when it is gone.

import { assert, present } from '@tidemark/std';

/** Most sessions have a few small events, and there are many of them. */
const firstPageBytes = 256;
/** Behind a page that is full. What a page outgrows is garbage, and outside the heap that is dear. */
const nextPageBytes = 262_144;
const pageBytesMax = 1_048_576;
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

/** Bodies as they were appended. */
export interface EventBodies {
  readonly values: readonly Uint8Array[];
  /** All of them with a comma between, where they came so. */
  readonly joined?: Uint8Array | undefined;
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
  readonly bytes: Uint8Array;
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
  /** Reserved with the first event. */
  #leastBytes: number;
  readonly #ends: number[] = [];
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;
  /** How often somebody was given a view of its bytes. */
  #views = 0;
  #isFetched = false;
  #isFreed = false;

  constructor({ seq, position, isJson }: PageStart, lengthBefore = 0) {
    this.firstSeq = seq;
    this.firstPosition = position;
    this.isJson = isJson;
    this.#leastBytes = lengthBefore < nextPageBytes ? firstPageBytes : nextPageBytes;
  }

  /** For events that are read again, `lengthBytes` in all as they are served: no more is reserved than they take. */
  static sized(start: PageStart, lengthBytes: number): Page {
    const page = new Page(start);
    page.#leastBytes = lengthBytes;
    page.#isFetched = true;
    return page;
  }

  get count(): number {
    return this.#ends.length;
  }

  get lengthBytes(): number {
    return this.#length;
  }

  get endSeq(): number {
    return this.firstSeq + this.count;
  }

  get endPosition(): number {
    return this.firstPosition + (this.isJson ? this.count : this.#length);
  }

  /** What it takes in memory. */
  get costBytes(): number {
    return this.#bytes.length + endBytes * this.#ends.length;
  }

  /** Whether its bytes are gone; whoever meets it so looks at its run again. */
  get isFreed(): boolean {
    return this.#isFreed;
  }

  /**
   * Frees its memory at once, where events that were read again were looked at by nobody but the caller, once. Fresh
   * memory costs ten times what filling it does, and what waits outside the heap for the garbage collector makes it
   * come.
   */
  freeSeenOnce(): boolean {
    if (!this.#isFetched || this.#views !== 1) return false;
    (this.#bytes.buffer as ArrayBuffer).transfer(0);
    this.#isFreed = true;
    return true;
  }

  /** Whether another event of this size goes here rather than into a page of its own. */
  fits(bodyBytes: number): boolean {
    if (this.count === 0) return true;
    return this.count < pageEventsMax && this.#length + bodyBytes + 1 <= pageBytesMax;
  }

  /** Takes bodies from one on: that one, and those behind it that fit. Tells how many. */
  fill({ values, joined }: EventBodies, from: number): number {
    if (joined !== undefined && this.isJson) return this.#fillJoined(values, joined, from);
    let at = from;
    do {
      this.append(values[at] as Uint8Array);
      at += 1;
    } while (at < values.length && this.fits((values[at] as Uint8Array).length));
    return at - from;
  }

  #fillJoined(values: readonly Uint8Array[], joined: Uint8Array, from: number): number {
    const before = this.#length;
    const eventsMax = pageEventsMax - this.count;
    let start = 0;
    for (let index = 0; index < from; index += 1) start += (values[index] as Uint8Array).length + 1;
    let bytes = 0;
    let at = from;
    for (let next = values[at]; next !== undefined; next = values[at]) {
      const end = bytes + next.length + 1;
      if (at > from && (at - from >= eventsMax || before + end > pageBytesMax)) break;
      this.#ends.push(before + end);
      bytes = end;
      at += 1;
    }
    this.#reserve(bytes);
    this.#bytes.set(joined.subarray(start, start + bytes - 1), before);
    this.#bytes[before + bytes - 1] = eventComma;
    this.#length = before + bytes;
    return at - from;
  }

  append(body: Uint8Array): void {
    this.#reserve(body.length + (this.isJson ? 1 : 0));
    this.#bytes.set(body, this.#length);
    this.#length += body.length;
    if (this.isJson) {
      this.#bytes[this.#length] = eventComma;
      this.#length += 1;
    }
    this.#ends.push(this.#length);
  }

  appendServed({ bytes, ends }: ServedEvents): void {
    const before = this.#length;
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, before);
    for (const end of ends) this.#ends.push(before + end);
    this.#length += bytes.length;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    const had = this.#bytes.length;
    if (needed <= had) return;
    let size = Math.max(this.#leastBytes, had);
    while (size < needed && size < pageBytesMax) size *= size < nextPageBytes ? 2 : 4;
    // Earlier ranges stay valid: they look at the old buffer, whose bytes never change.
    // Not zeroed: only what was written is ever looked at.
    const larger = Buffer.allocUnsafeSlow(Math.max(size, needed));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  /** The events from a position on (a byte position may lie inside one); undefined where none fits. */
  slice(bounds: SliceBounds): PageSlice | undefined {
    const { position, endPosition: limit, bytesMax, eventsMax, takesOne } = bounds;
    const firstIndex = this.#indexAt(position);
    const start = this.isJson ? this.#startOf(firstIndex) : position - this.firstPosition;
    // All the rest, mostly: then no event is looked at.
    const isAll =
      this.count - firstIndex <= eventsMax &&
      this.#length - start <= bytesMax &&
      this.endPosition <= limit;
    let endIndex = isAll ? this.count : firstIndex;
    let end = isAll ? this.#length : start;
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
    assert(end <= this.#length && !this.#isFreed, 'a slice is of its page');
    this.#views += 1;
    return {
      bytes: this.#bytes.subarray(start, end),
      events: endIndex - firstIndex,
      endSeq: this.firstSeq + endIndex,
      endPosition: this.firstPosition + (this.isJson ? endIndex : end),
      split: () => this.#bodiesFrom(firstIndex, endIndex),
    };
  }

  /** All of them, as they were appended. */
  get bodies(): readonly Uint8Array[] {
    this.#views += 1;
    return this.#bodiesFrom(0, this.count);
  }

  #bodiesFrom(firstIndex: number, endIndex: number): readonly Uint8Array[] {
    const bodies: Uint8Array[] = [];
    for (let index = firstIndex; index < endIndex; index += 1) {
      const end = present(this.#ends[index], 'end of an event');
      bodies.push(this.#bytes.subarray(this.#startOf(index), this.isJson ? end - 1 : end));
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

// A run is consecutive events of one session, at these offsets of the log: by them they are found there, or,
// once the log has let them go, in a segment. Its bodies are in memory or not; where they are kept stays
// known for as long as the session is.
//
// (1) Only the last run of a session is open, and an open run has its page.
// (2) A run without a page is found again whole: it has the count and the bytes that it had.

import { assert } from '@tidemark/std';
import { type PackedOffsets, packOffsets, unpackOffsets } from './packed-offsets.ts';
import { type EventBodies, Page, type PageStart, pageEventsMax } from './page.ts';

/** As it is published. */
export interface StoredRun {
  readonly count: number;
  readonly lengthBytes: number;
  readonly timeMs: number;
  readonly offsets: PackedOffsets;
}

/** A run and its place, beside the deltas of its offsets. */
const runBytes = 320;
const offsetBytes = 8;
/** Runs that are not in memory are one where they make a page that is quickly read again. */
const mergedBytesMax = 262_144;

export class EventRun {
  readonly start: PageStart;
  /** When its first event was appended. */
  readonly timeMs: number;
  /** The bodies, while they are in memory. */
  page: Page | undefined;
  /** While it is open; packed once it is closed. */
  #open: number[] | undefined;
  #packed: PackedOffsets | undefined;
  #count = 0;
  #lengthBytes = 0;

  constructor(start: PageStart, timeMs: number) {
    this.start = start;
    this.timeMs = timeMs;
  }

  static open(start: PageStart, timeMs: number, lengthBefore: number): EventRun {
    const run = new EventRun(start, timeMs);
    run.page = new Page(start, lengthBefore);
    run.#open = [];
    return run;
  }

  static restored(start: PageStart, stored: StoredRun): EventRun {
    const run = new EventRun(start, stored.timeMs);
    run.#count = stored.count;
    run.#lengthBytes = stored.lengthBytes;
    run.#packed = stored.offsets;
    return run;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  get count(): number {
    return this.#count;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  get endSeq(): number {
    return this.start.seq + this.#count;
  }

  get endPosition(): number {
    return this.start.position + (this.start.isJson ? this.#count : this.#lengthBytes);
  }

  /** What it takes in memory without its page. */
  get costBytes(): number {
    if (this.#open !== undefined) return runBytes + offsetBytes * this.#open.length;
    return runBytes + (this.#packed?.deltas.length ?? 0);
  }

  /** Where its events are in the log. */
  get offsets(): PackedOffsets {
    return this.#packed ?? packOffsets(this.#open ?? []);
  }

  /** How many of its events lie below an offset of the log. */
  countBelow(offset: number): number {
    const offsets = this.#open ?? unpackOffsets(this.offsets);
    let count = offsets.length;
    while (count > 0 && (offsets[count - 1] as number) >= offset) count -= 1;
    return count;
  }

  fits(bodyBytes: number): boolean {
    return this.isOpen && this.page?.fits(bodyBytes) === true;
  }

  /** Takes bodies from one on, whose offset is given, and tells how many: one at least, and what fits. */
  append(bodies: EventBodies, from: { at: number; offset: number }): number {
    const { page } = this;
    assert(page !== undefined && this.#open !== undefined, 'only an open run grows');
    const count = page.fill(bodies, from.at);
    for (let index = 0; index < count; index += 1) this.#open.push(from.offset + index);
    this.#count += count;
    this.#lengthBytes = page.lengthBytes;
    return count;
  }

  /** No event follows in it any more. */
  close(): void {
    this.#packed = this.offsets;
    this.#open = undefined;
  }

  /** Lets the bodies go. */
  cool(): void {
    this.close();
    this.page = undefined;
  }

  stored(): StoredRun {
    const { count, lengthBytes, timeMs, offsets } = this;
    return { count, lengthBytes, timeMs, offsets };
  }

  /**
   * One run of this and the one behind it, where neither is in memory and both are small. It is another run:
   * who reads one of these goes on with what it has.
   */
  mergedWith(next: EventRun): EventRun | undefined {
    const isCold = this.page === undefined && next.page === undefined;
    const count = this.#count + next.#count;
    const lengthBytes = this.#lengthBytes + next.#lengthBytes;
    if (!isCold || count > pageEventsMax || lengthBytes > mergedBytesMax) return undefined;
    const offsets = packOffsets([...unpackOffsets(this.offsets), ...unpackOffsets(next.offsets)]);
    return EventRun.restored(this.start, { count, lengthBytes, timeMs: this.timeMs, offsets });
  }
}

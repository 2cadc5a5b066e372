// A run is consecutive events of one session that are kept in one place: in the log, at these
// offsets, or in an extent of a published segment. Its bodies are in memory or not; where they are
// kept stays known for as long as the session is.
//
// (1) Only the last run of a session is open, and an open run has its page.
// (2) A run without a page is found again whole: it has the count and the bytes that it had.

import { assert } from '@tidemark/std';
import { type PackedOffsets, packOffsets, unpackOffsets } from './packed-offsets.ts';
import { Page, type PageStart, pageEventsMax } from './page.ts';

/** One session's contiguous part of a published object. */
export interface Extent {
  readonly object: string;
  readonly firstByte: number;
  readonly endByte: number;
}

export type Place =
  | { readonly kind: 'log'; readonly offsets: PackedOffsets }
  | { readonly kind: 'extent'; readonly extent: Extent };

/** As it is published. */
export interface StoredRun {
  readonly count: number;
  readonly lengthBytes: number;
  readonly timeMs: number;
  readonly place: Place;
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
  #offsets: number[] | undefined;
  #place: Place | undefined;
  #count = 0;
  #lengthBytes = 0;

  constructor(start: PageStart, timeMs: number) {
    this.start = start;
    this.timeMs = timeMs;
  }

  static open(start: PageStart, timeMs: number, lengthBefore: number): EventRun {
    const run = new EventRun(start, timeMs);
    run.page = new Page(start, lengthBefore);
    run.#offsets = [];
    return run;
  }

  static restored(start: PageStart, stored: StoredRun): EventRun {
    const run = new EventRun(start, stored.timeMs);
    run.#count = stored.count;
    run.#lengthBytes = stored.lengthBytes;
    run.#place = stored.place;
    return run;
  }

  get isOpen(): boolean {
    return this.#offsets !== undefined;
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
    if (this.#offsets !== undefined) return runBytes + offsetBytes * this.#offsets.length;
    const deltas = this.#place?.kind === 'log' ? this.#place.offsets.deltas.length : 0;
    return runBytes + deltas;
  }

  /** Where its events are. */
  get place(): Place {
    if (this.#place !== undefined) return this.#place;
    return { kind: 'log', offsets: packOffsets(this.#offsets ?? []) };
  }

  fits(bodyBytes: number): boolean {
    return this.isOpen && this.page?.fits(bodyBytes) === true;
  }

  append(body: Uint8Array, offset: number): void {
    const { page } = this;
    assert(page !== undefined && this.#offsets !== undefined, 'only an open run grows');
    page.append(body);
    this.#offsets.push(offset);
    this.#count += 1;
    this.#lengthBytes = page.lengthBytes;
  }

  /** No event follows in it any more. */
  close(): void {
    this.#place = this.place;
    this.#offsets = undefined;
  }

  /** Lets the bodies go. */
  cool(): void {
    this.close();
    this.page = undefined;
  }

  /** What it has behind a place in it, `lengthBytes` of bodies that are not in memory. */
  behind(start: PageStart, lengthBytes: number): EventRun {
    const { place, timeMs } = this;
    assert(place.kind === 'log', 'only what is in the log reaches beyond what is published');
    const offsets = packOffsets(unpackOffsets(place.offsets).slice(start.seq - this.start.seq));
    const count = this.endSeq - start.seq;
    return EventRun.restored(start, {
      count,
      lengthBytes,
      timeMs,
      place: { kind: 'log', offsets },
    });
  }

  stored(): StoredRun {
    const { count, lengthBytes, timeMs, place } = this;
    return { count, lengthBytes, timeMs, place };
  }

  /**
   * One run of this and the one behind it, where both are only in the log and small. It is another run:
   * who reads one of these goes on with what it has.
   */
  mergedWith(next: EventRun): EventRun | undefined {
    const isCold = this.page === undefined && next.page === undefined;
    const count = this.#count + next.#count;
    const lengthBytes = this.#lengthBytes + next.#lengthBytes;
    if (!isCold || count > pageEventsMax || lengthBytes > mergedBytesMax) return undefined;
    const one = this.place;
    const other = next.place;
    if (one.kind !== 'log' || other.kind !== 'log') return undefined;
    const all = [...unpackOffsets(one.offsets), ...unpackOffsets(other.offsets)];
    const place = { kind: 'log', offsets: packOffsets(all) } as const;
    return EventRun.restored(this.start, { count, lengthBytes, timeMs: this.timeMs, place });
  }
}

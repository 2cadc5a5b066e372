import { present } from '@tidemark/std';
import type { HotBudget } from './hot-budget.ts';
import { Page } from './page.ts';

/** A part of a page: events [firstIndex, endIndex), or bytes of them. */
export interface PageRange {
  readonly page: Page;
  readonly start: number;
  readonly end: number;
}

export interface Slice {
  readonly ranges: readonly PageRange[];
  readonly endSeq: number;
  readonly endPosition: number;
}

export interface SliceBounds {
  readonly position: number;
  /** Not beyond this position. */
  readonly endPosition: number;
  readonly bytesMax: number;
  readonly eventsMax: number;
}

/** The events of one incarnation of a session, from where it began or left its source. */
export class Content {
  readonly isJson: boolean;
  readonly firstSeq: number;
  readonly firstPosition: number;
  readonly #pages: Page[] = [];
  readonly #budget: HotBudget;

  constructor(
    budget: HotBudget,
    first: { readonly seq: number; readonly position: number; readonly isJson: boolean },
  ) {
    this.#budget = budget;
    this.isJson = first.isJson;
    this.firstSeq = first.seq;
    this.firstPosition = first.position;
  }

  get endSeq(): number {
    return this.#pages.at(-1)?.endSeq ?? this.firstSeq;
  }

  get endPosition(): number {
    return this.#pages.at(-1)?.endPosition ?? this.firstPosition;
  }

  append(body: Uint8Array, offset: number): void {
    let page = this.#pages.at(-1);
    if (page === undefined || !page.fits(body.length)) {
      page?.seal();
      page = new Page({
        seq: this.endSeq,
        position: this.endPosition,
        isJson: this.isJson,
        follows: page,
      });
      this.#pages.push(page);
    }
    const grown = page.append(body, offset);
    if (grown > 0) this.#budget.charge(page, grown);
  }

  /** The whole events from a position on (a byte position may lie inside one), within bounds. */
  slice({ position, endPosition, bytesMax, eventsMax }: SliceBounds): Slice {
    const ranges: PageRange[] = [];
    let at = position;
    let seq = this.seqAt(position);
    let bytes = 0;
    let events = 0;
    const limit = Math.min(endPosition, this.endPosition);
    for (let index = this.#pageIndexAt(position); at < limit; index += 1) {
      const page = present(this.#pages[index], 'page below the end');
      const room = { bytes: bytesMax - bytes, events: eventsMax - events };
      const part = this.#part(page, { at, limit, room, isFirst: events === 0 });
      if (part === undefined) break;
      ranges.push(part.range);
      bytes += part.range.end - part.range.start;
      events += part.events;
      at = part.endPosition;
      seq = part.endSeq;
      if (part.endSeq < page.endSeq) break;
    }
    return { ranges, endSeq: seq, endPosition: at };
  }

  #part(
    page: Page,
    from: {
      readonly at: number;
      readonly limit: number;
      readonly room: { readonly bytes: number; readonly events: number };
      readonly isFirst: boolean;
    },
  ): { range: PageRange; events: number; endSeq: number; endPosition: number } | undefined {
    const firstIndex = this.#indexIn(page, from.at);
    const start = this.isJson ? page.startOf(firstIndex) : from.at - page.firstPosition;
    let endIndex = firstIndex;
    let end = start;
    while (endIndex < page.count && endIndex - firstIndex < from.room.events) {
      const next = present(page.ends[endIndex], 'end of an event');
      const position = page.firstPosition + (this.isJson ? endIndex + 1 : next);
      // A fork may leave a byte stream inside an event: that far, and no further.
      if (position > from.limit) {
        if (this.isJson || page.firstPosition + end === from.limit) break;
        end = from.limit - page.firstPosition;
        endIndex += 1;
        break;
      }
      const isOver = next - start > from.room.bytes;
      if (isOver && !(from.isFirst && endIndex === firstIndex)) break;
      end = next;
      endIndex += 1;
    }
    if (endIndex === firstIndex) return undefined;
    return {
      range: { page, start, end },
      events: endIndex - firstIndex,
      endSeq: page.firstSeq + endIndex,
      endPosition: page.firstPosition + (this.isJson ? endIndex : end),
    };
  }

  /** The seq of the event at a position, or of the next one at the end. */
  seqAt(position: number): number {
    if (this.isJson) return this.firstSeq + (position - this.firstPosition);
    const page = this.#pages[this.#pageIndexAt(position)];
    return page === undefined ? this.endSeq : page.firstSeq + this.#indexIn(page, position);
  }

  /** The position at which an event begins. */
  positionOf(seq: number): number {
    if (this.isJson) return this.firstPosition + (seq - this.firstSeq);
    if (seq >= this.endSeq) return this.endPosition;
    const page = present(
      this.#pages[lastIndexBelow(this.#pages, (candidate) => candidate.firstSeq <= seq)],
      'page of an event',
    );
    return page.firstPosition + page.startOf(seq - page.firstSeq);
  }

  #pageIndexAt(position: number): number {
    const index = lastIndexBelow(this.#pages, (page) => page.firstPosition <= position);
    const page = this.#pages[index];
    return page !== undefined && position >= page.endPosition ? index + 1 : Math.max(index, 0);
  }

  #indexIn(page: Page, position: number): number {
    if (this.isJson) return position - page.firstPosition;
    const within = position - page.firstPosition;
    return lastIndexBelow(page.ends, (end) => end <= within) + 1;
  }

  /** Bodies that are no longer needed make room. */
  discard(): void {
    for (const page of this.#pages) this.#budget.release(page);
    this.#pages.length = 0;
  }
}

/** The last index for which a condition, true up to some point, holds; -1 where it never does. */
function lastIndexBelow<T>(items: ArrayLike<T>, holds: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// The index of what is not in any table yet, so that a search finds what was acknowledged.
//
// (1) Adding costs what reading the event costs. What was added is searched by reading all of it, until `settle`
//     has packed it: then it is searched as a table is.
// (2) Removed events are gone at once from answers and statistics. Their bytes go with the part of the tail that they
//     lie in, when nothing else is left of it: events leave in about the order in which they came.
// (3) Beyond the budget events are not added; how many were not is told with every answer.
//
// open -> closed              add        (so many events, or bytes)
// closed -> packed            settle
// packed -> packed            settle     (neighbours of one level become one)
// closed, packed -> forgotten remove, dropBelow   (nothing is left of it)

import { assert } from '@tidemark/std';
import { Analyzer, type SearchEvent } from './document.ts';
import { FrozenIndex } from './frozen-index.ts';
import { entriesOf } from './inversion.ts';
import { Merge } from './merge.ts';
import { OpenIndex } from './open-index.ts';
import { Places } from './places.ts';
import type { Need, Segment } from './segment.ts';

export interface SearchTailSettings {
  readonly bytesMax: number;
  /** Events of a part: packing one is done in steps, searching an unpacked one is not. */
  readonly partEventsMax?: number;
}

const partEventsMax = 2_048;
const partBytesMax = 4 * 1_024 * 1_024;
/** So many parts become one: a query asks each of them. */
const partsMerged = 8;
/** Parts of 131,072 events are not merged. */
const levelMax = 2;

interface Part {
  readonly index: OpenIndex | FrozenIndex;
  readonly places: Places;
  /** 0 of one that was packed, one more of one that was merged. */
  readonly level: number;
}

/** Where an event came from: those of lower offsets leave together. */
export interface TailEvent extends SearchEvent {
  readonly offset: bigint;
}

interface Missed {
  readonly events: number;
  readonly endOffset: number;
}

const nothingMissed: Missed = { events: 0, endOffset: 0 };

export class SearchTail {
  readonly #settings: Required<SearchTailSettings>;
  readonly #analyzer = new Analyzer();
  #parts: Part[] = [];
  #missed = nothingMissed;
  #newestOffset = -1;
  #settling: Promise<void> | undefined;
  /** Of all parts but the last. */
  #closedBytes = 0;

  constructor(settings: SearchTailSettings) {
    this.#settings = { partEventsMax, ...settings };
  }

  /** Events that are searched. */
  get documents(): number {
    return this.#parts.reduce((sum, { index }) => sum + index.liveDocuments, 0);
  }

  get bytes(): number {
    const last = this.#parts.at(-1);
    return this.#closedBytes + (last === undefined ? 0 : bytesOf(last));
  }

  /** Events that found no room and are in no table yet: at most so many. */
  get missed(): number {
    return this.#missed.events;
  }

  /** Of a session in order of its seqs, of all in order of their offsets. Says whether there was room. */
  add({ offset, ...event }: TailEvent): boolean {
    const at = Number(offset);
    assert(at >= this.#newestOffset, 'events come in the order of the log');
    this.#newestOffset = at;
    if (this.bytes >= this.#settings.bytesMax) {
      this.#missed = { events: this.#missed.events + 1, endOffset: at + 1 };
      return false;
    }
    const part = this.#openPart();
    part.index.add(event);
    part.places.add(event, at);
    return true;
  }

  /** All of a session, or all below a seq. */
  remove(session: string, firstKeptSeq: number = Number.POSITIVE_INFINITY): void {
    for (const { index } of this.#parts) index.remove(session, firstKeptSeq);
    this.#forgetEmpty();
  }

  /** Events below an offset are in tables now. */
  dropBelow(offset: bigint): void {
    const end = Number(offset);
    this.#parts = this.#parts.filter(({ places }) => places.newestOffset >= end);
    for (const { index, places } of this.#parts) {
      for (const [session, firstKeptSeq] of places.keptFrom(end)) {
        index.remove(session, firstKeptSeq);
      }
    }
    if (this.#missed.endOffset <= end) this.#missed = nothingMissed;
    this.#forgetEmpty();
  }

  /** Packs what is complete, in steps of about a millisecond. One at a time: who comes meanwhile joins. */
  async settle(rest: () => Promise<void>): Promise<void> {
    this.#settling ??= this.#settle(rest);
    try {
      await this.#settling;
    } finally {
      this.#settling = undefined;
    }
  }

  async #settle(rest: () => Promise<void>): Promise<void> {
    for (const part of this.#parts.slice()) {
      const { index } = part;
      if (index instanceof FrozenIndex || !this.#isFull(part)) continue;
      const packed = await FrozenIndex.of(entriesOf(index.collector, rest), rest);
      this.#replace([part], packed);
      await rest();
    }
    for (let parts = this.#toMerge(); parts.length > 0; parts = this.#toMerge()) {
      const sources = parts
        .map(({ index }) => index)
        .filter((index) => index instanceof FrozenIndex);
      const removals = new Map(sources.flatMap((source) => [...source.removals]));
      const merge = new Merge(
        sources.map((source) => (range) => source.entries(range)),
        removals,
      );
      this.#replace(parts, await FrozenIndex.of(merge.entries(), rest));
      await rest();
    }
    this.#forgetEmpty();
  }

  /** So many neighbours of one level, which together are one part of the next; none where there are not. */
  #toMerge(): readonly Part[] {
    for (let at = 0; at + partsMerged <= this.#parts.length; at += 1) {
      const parts = this.#parts.slice(at, at + partsMerged);
      const level = parts[0]?.level ?? 0;
      const isOne = ({ index, level: other }: Part): boolean =>
        index instanceof FrozenIndex && other === level;
      if (level < levelMax && parts.every(isOne)) return parts;
    }
    return [];
  }

  /** One part in the place of some, which may have lost events, or all of them, while it was made. */
  #replace(parts: readonly Part[], packed: FrozenIndex): void {
    for (const { index } of parts) {
      for (const [session, firstKeptSeq] of index.removals) packed.remove(session, firstKeptSeq);
    }
    const level = parts.length === 1 ? 0 : (parts[0]?.level ?? 0) + 1;
    const places = Places.joined(parts.map((part) => part.places));
    const at = this.#parts.findIndex((part) => parts.includes(part));
    const others = this.#parts.filter((part) => !parts.includes(part));
    if (at !== -1) this.#parts = others.toSpliced(at, 0, { index: packed, places, level });
  }

  /** What its events have to say to a query, as of now. */
  segments(need: Need): readonly Segment[] {
    return this.#parts.map(({ index }) => index.segment(need));
  }

  #openPart(): { readonly index: OpenIndex; readonly places: Places } {
    const last = this.#parts.at(-1);
    if (last?.index instanceof OpenIndex && !this.#isFull(last)) {
      return { index: last.index, places: last.places };
    }
    const part = { index: new OpenIndex(this.#analyzer), places: new Places(), level: 0 };
    this.#parts.push(part);
    this.#countClosed();
    return part;
  }

  #isFull({ index, places }: Part): boolean {
    return places.count >= this.#settings.partEventsMax || index.bytes >= partBytesMax;
  }

  #forgetEmpty(): void {
    this.#parts = this.#parts.filter(({ index }) => index.liveDocuments > 0);
    this.#countClosed();
  }

  #countClosed(): void {
    const closed = this.#parts.slice(0, -1);
    this.#closedBytes = closed.reduce((sum, part) => sum + bytesOf(part), 0);
  }
}

const bytesOf = ({ index, places }: Part): number => index.bytes + places.bytes;

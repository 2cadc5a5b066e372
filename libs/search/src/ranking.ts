// Who comes first: by score, and of equal scores by session and seq.

import { compareText } from '@tidemark/std';
import type { Segment } from './segment.ts';
import type { Collector } from './segment-search.ts';

/** Where an event stands in a ranking. */
export interface Rank {
  readonly score: number;
  readonly session: string;
  readonly seq: number;
}

export interface Found {
  readonly segment: Segment;
  readonly document: number;
  readonly score: number;
}

export const rankOf = ({ segment: { documents }, document, score }: Found): Rank => ({
  score,
  session: documents.sessionOf(document),
  seq: documents.seqOf(document),
});

/** Negative where the first comes first. */
export const compareRanks = (one: Rank, other: Rank): number =>
  other.score - one.score || compareText(one.session, other.session) || one.seq - other.seq;

function compareFound(one: Found, other: Found): number {
  if (one.score !== other.score) return other.score - one.score;
  // Documents of one segment are in the order of their places.
  if (one.segment === other.segment) return one.document - other.document;
  return compareRanks(rankOf(one), rankOf(other));
}

/** The best so many behind a rank. */
export class BestHits implements Collector {
  readonly #count: number;
  readonly #after: Rank | undefined;
  /** The worst first: a heap. */
  readonly #heap: Found[] = [];
  threshold = 0;

  constructor(count: number, after?: Rank) {
    this.#count = count;
    this.#after = after;
  }

  offer(segment: Segment, document: number, score: number): void {
    const found = { segment, document, score };
    if (this.#after !== undefined && !isBehind(found, this.#after)) return;
    const heap = this.#heap;
    if (heap.length === this.#count) {
      if (compareFound(found, heap[0] as Found) >= 0) return;
      heap[0] = found;
      this.#sink();
    } else {
      heap.push(found);
      this.#rise();
    }
    if (heap.length === this.#count) this.threshold = (heap[0] as Found).score;
  }

  inOrder(): Found[] {
    return this.#heap.toSorted(compareFound);
  }

  #rise(): void {
    const heap = this.#heap;
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (compareFound(heap[at] as Found, heap[parent] as Found) <= 0) return;
      [heap[at], heap[parent]] = [heap[parent] as Found, heap[at] as Found];
      at = parent;
    }
  }

  #sink(): void {
    const heap = this.#heap;
    for (let at = 0; ; ) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child >= heap.length) continue;
        if (compareFound(heap[child] as Found, heap[worst] as Found) > 0) worst = child;
      }
      if (worst === at) return;
      [heap[at], heap[worst]] = [heap[worst] as Found, heap[at] as Found];
      at = worst;
    }
  }
}

export function isBehind(found: Found, after: Rank): boolean {
  if (found.score !== after.score) return found.score < after.score;
  return compareRanks(rankOf(found), after) > 0;
}

export interface Group {
  readonly best: Found;
  /** Undefined where nobody has counted them. */
  readonly hits: number | undefined;
}

/** The best hit of every session, and how many it has: so nothing may be left out. */
export class BestOfSessions implements Collector {
  readonly threshold = 0;
  readonly #groups = new Map<string, { best: Found; hits: number }>();
  /** The session of the documents that are being offered. */
  #session = '';
  #segment: Segment | undefined;
  #endDoc = 0;

  offer(segment: Segment, document: number, score: number): void {
    if (segment !== this.#segment || document >= this.#endDoc) {
      this.#segment = segment;
      const page = segment.documents.pageOf(document);
      this.#session = segment.documents.sessionOfPage(page);
      this.#endDoc = segment.documents.rangeOfPage(page).endDoc;
    }
    const group = this.#groups.get(this.#session);
    if (group === undefined) {
      this.#groups.set(this.#session, { best: { segment, document, score }, hits: 1 });
      return;
    }
    group.hits += 1;
    if (score < group.best.score) return;
    const found = { segment, document, score };
    if (compareFound(found, group.best) < 0) group.best = found;
  }

  inOrder(count: number, after?: Rank): Group[] {
    return [...this.#groups.values()]
      .filter(({ best }) => after === undefined || isBehind(best, after))
      .sort((one, other) => compareFound(one.best, other.best))
      .slice(0, count);
  }
}

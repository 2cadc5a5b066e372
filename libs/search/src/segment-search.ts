// Finds the best documents of one segment, window after window of its documents.
//
// (1) The score of a document is the sum of what its terms give, in the order of the query: the same bits, whatever
//     segment it lies in and however it was found.
// (2) A document is left out only where what its terms could give at most is less than the worst score that still
//     counts. Equal scores are told apart by the documents' places, so a tie is never left out.
// (3) Terms that together cannot lift a document over that score are not read: they are only looked up for documents
//     that the other terms found.

import { bm25Weight, type GlobalStatistics, prefixWeight } from './bm25.ts';
import type { DocRange } from './doc-ranges.ts';
import { clearFiltered } from './filters.ts';
import type { PostingList } from './postings.ts';
import type { Clause, Query } from './query.ts';
import { markWithin, type Segment } from './segment.ts';
import { TermScorer } from './term-scorer.ts';

/** Scores of a window stay in the nearest cache. */
const windowDocuments = 4_096;
/** What rounding may add to a sum of bounds. */
const roundingShare = 1e-9;

/** Takes what is found. */
export interface Collector {
  /** A document with a lower score does not count any more. */
  readonly threshold: number;
  offer(segment: Segment, document: number, score: number): void;
}

export class SegmentSearch {
  readonly #segment: Segment;
  readonly #query: Query;
  readonly #collector: Collector;
  /** In the order of the query; those that the segment has. */
  readonly #scorers: TermScorer[] = [];
  readonly #scores = new Float64Array(windowDocuments);
  readonly #marks = new Uint8Array(windowDocuments);
  readonly #clauseMarks = new Uint8Array(windowDocuments);
  readonly #listMarks = new Uint8Array(windowDocuments);
  readonly #isMarked: boolean;

  constructor(
    segment: Segment,
    query: Query,
    {
      statistics,
      collector,
    }: { readonly statistics: GlobalStatistics; readonly collector: Collector },
  ) {
    this.#segment = segment;
    this.#query = query;
    this.#collector = collector;
    const { required, excluded, filters } = query;
    this.#isMarked =
      required.length + excluded.length + filters.length + segment.gone.length > 0 ||
      !isScored(query);
    for (let term = 0; term < query.scored; term += 1) {
      const list = segment.terms[term]?.list;
      if (list === undefined) continue;
      const weight = bm25Weight(statistics, term);
      this.#scorers.push(new TermScorer(list, weight, segment.documents));
    }
    for (const list of segment.prefixes.slice(0, query.scoredPrefixes)) {
      if (list === undefined) continue;
      this.#scorers.push(new TermScorer(list, prefixWeight, segment.documents));
    }
  }

  /** Window after window: whoever runs it may let others have their turn between. */
  *windows(): Generator<void> {
    if (this.#query.required.some((clause) => this.#listsOf(clause) === undefined)) return;
    for (const { firstDoc, endDoc } of this.#segment.searched) {
      for (let start = firstDoc; start < endDoc; start += windowDocuments) {
        this.#search({ firstDoc: start, endDoc: Math.min(endDoc, start + windowDocuments) });
        yield;
      }
    }
  }

  #search(window: DocRange): void {
    if (!isScored(this.#query)) {
      if (this.#mark(window)) this.#offerMarked(window);
      return;
    }
    for (const scorer of this.#scorers) scorer.enter(window);
    const { essential, others } = this.#split();
    if (essential.length === 0 || (this.#isMarked && !this.#mark(window))) return;
    const scores = this.#scores.fill(0, 0, window.endDoc - window.firstDoc);
    for (const scorer of essential) scorer.addTo(scores, window);
    if (others.length === 0) this.#offerScored(window);
    else this.#offerCandidates(window, others);
  }

  /** Those that cannot lift a document over the threshold by themselves go to the others, the strongest first. */
  #split(): { readonly essential: readonly TermScorer[]; readonly others: readonly TermScorer[] } {
    const present = this.#scorers.filter(({ bound }) => bound > 0);
    const { threshold } = this.#collector;
    const others: TermScorer[] = [];
    let sum = 0;
    for (const scorer of present.toSorted((one, other) => one.bound - other.bound)) {
      sum += scorer.bound;
      if (sum * (1 + roundingShare) >= threshold) break;
      others.unshift(scorer);
    }
    return { essential: present.filter((scorer) => !others.includes(scorer)), others };
  }

  /** All terms were added, in the order of the query: these are the scores. */
  #offerScored({ firstDoc, endDoc }: DocRange): void {
    const collector = this.#collector;
    for (let at = 0; at < endDoc - firstDoc; at += 1) {
      const score = this.#scores[at] as number;
      if (score === 0 || score < collector.threshold) continue;
      if (this.#isMarked && this.#marks[at] === 0) continue;
      collector.offer(this.#segment, firstDoc + at, score);
    }
  }

  #offerCandidates({ firstDoc, endDoc }: DocRange, others: readonly TermScorer[]): void {
    const left = boundsLeft(others);
    for (let at = 0; at < endDoc - firstDoc; at += 1) {
      let score = this.#scores[at] as number;
      if (score === 0 || (this.#isMarked && this.#marks[at] === 0)) continue;
      const { threshold } = this.#collector;
      let other = 0;
      while ((score + (left[other] as number)) * (1 + roundingShare) >= threshold) {
        if (other === others.length) {
          this.#collector.offer(this.#segment, firstDoc + at, this.#scoreOf(firstDoc + at));
          break;
        }
        score += others[other]?.scoreOf(firstDoc + at) ?? 0;
        other += 1;
      }
    }
  }

  #scoreOf(document: number): number {
    let score = 0;
    for (const scorer of this.#scorers) score += scorer.scoreOf(document);
    return score;
  }

  /** A query of filters alone: in the order of the documents. */
  #offerMarked({ firstDoc, endDoc }: DocRange): void {
    for (let at = 0; at < endDoc - firstDoc; at += 1) {
      if (this.#marks[at] === 1) this.#collector.offer(this.#segment, firstDoc + at, 0);
    }
  }

  /** Marks what the query lets through. Says whether anything is. */
  #mark(window: DocRange): boolean {
    const { firstDoc, endDoc } = window;
    const marks = this.#marks.fill(1, 0, endDoc - firstDoc);
    for (const gone of this.#segment.gone) {
      const start = Math.max(gone.firstDoc, firstDoc) - firstDoc;
      const end = Math.min(gone.endDoc, endDoc) - firstDoc;
      if (start < end) marks.fill(0, start, end);
    }
    for (const clause of this.#query.required) {
      const has = this.#markClause(clause, window);
      for (let at = 0; at < endDoc - firstDoc; at += 1) if (has[at] === 0) marks[at] = 0;
    }
    for (const clause of this.#query.excluded) {
      const has = this.#markClause(clause, window);
      for (let at = 0; at < endDoc - firstDoc; at += 1) if (has[at] === 1) marks[at] = 0;
    }
    const isAny = (): boolean => marks.subarray(0, endDoc - firstDoc).includes(1);
    if (!isAny()) return false;
    if (this.#query.filters.length === 0) return true;
    clearFiltered(this.#segment.documents, this.#query.filters, { range: window, marks });
    return isAny();
  }

  /** Documents that have all of a clause. */
  #markClause(clause: Clause, window: DocRange): Uint8Array {
    const count = window.endDoc - window.firstDoc;
    const has = this.#clauseMarks;
    const lists = this.#listsOf(clause);
    has.fill(lists === undefined ? 0 : 1, 0, count);
    for (const list of lists ?? []) {
      const marks = this.#listMarks.fill(0, 0, count);
      markWithin(list, window, marks);
      for (let at = 0; at < count; at += 1) if (marks[at] === 0) has[at] = 0;
    }
    return has;
  }

  /** Undefined where no document of the segment can have all. */
  #listsOf({ terms, prefixes }: Clause): readonly PostingList[] | undefined {
    const lists = [
      ...terms.map((term) => this.#segment.terms[term]?.list),
      ...prefixes.map((prefix) => this.#segment.prefixes[prefix]),
    ];
    return lists.every((list) => list !== undefined) ? lists : undefined;
  }
}

/** Whether an event has to have any of the query's words. */
export const isScored = ({ scored, scoredPrefixes }: Query): boolean => scored + scoredPrefixes > 0;

/** What is left to be given once so many of the terms were looked up. */
function boundsLeft(scorers: readonly TermScorer[]): Float64Array {
  const left = new Float64Array(scorers.length + 1);
  for (let at = scorers.length - 1; at >= 0; at -= 1) {
    left[at] = (left[at + 1] as number) + (scorers[at]?.bound ?? 0);
  }
  return left;
}

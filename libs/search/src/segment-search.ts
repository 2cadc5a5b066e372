// Finds the best documents of one segment, window after window of its documents.
//
// (1) The score of a document is the sum of what its terms give, in the order of the query: the same bits, whatever
//     segment it lies in and however it was found.
// (2) A document is left out only where what its terms could give at most is less than the worst score that still
//     counts. Equal scores are told apart by the documents' places, so a tie is never left out.
// (3) Of what its terms give at most sums are made in whole units; only a document whose sum reaches the worst score
//     that counts is scored.
// (4) Terms that together cannot lift a document over that score make no candidates: they are added to what the other
//     terms found, until nothing is left of it.

import { addsPerWindow, Candidates } from './candidates.ts';
import type { DocRange } from './doc-ranges.ts';
import { clearFiltered } from './filters.ts';
import type { Clause, Query } from './query.ts';
import type { Segment } from './segment.ts';
import { TermScorer, type Window } from './term-scorer.ts';
import type { TermWeights } from './term-weights.ts';
import { placeInWindow, type WindowedList, windowDocuments, windowOf } from './windowed-list.ts';

/** What a window takes beside the postings that are added, in postings. */
const windowWork = 256;

/** Terms are added for all documents until the others give no more than that share of what counts. */
const leftShare = 0.6;

/** Takes what is found. */
export interface Collector {
  /** A document with a lower score does not count any more. */
  readonly threshold: number;
  offer(segment: Segment, document: number, score: number): void;
}

/** What a window is searched in. It is used by one segment after the other: there may be many small ones. */
export class WindowSpace {
  readonly candidates: Candidates = new Candidates();
  readonly scores: Float64Array = new Float64Array(windowDocuments);
  readonly marks: Uint8Array = new Uint8Array(windowDocuments);
  readonly clauseMarks: Uint8Array = new Uint8Array(windowDocuments);
  readonly listMarks: Uint8Array = new Uint8Array(windowDocuments);
}

export interface SearchParts {
  readonly weights: TermWeights;
  readonly space: WindowSpace;
  readonly collector: Collector;
}

export class SegmentSearch {
  readonly #segment: Segment;
  readonly #query: Query;
  readonly #weights: TermWeights;
  readonly #collector: Collector;
  /** In the order of the query; those that the segment has. */
  readonly #scorers: TermScorer[] = [];
  /** Those that may give most first. */
  readonly #strongestFirst: readonly TermScorer[];
  readonly #space: WindowSpace;
  readonly #isMarked: boolean;

  constructor(segment: Segment, query: Query, { weights, space, collector }: SearchParts) {
    this.#segment = segment;
    this.#query = query;
    this.#weights = weights;
    this.#space = space;
    this.#collector = collector;
    const { required, excluded, filters } = query;
    this.#isMarked =
      required.length + excluded.length + filters.length + segment.gone.length > 0 ||
      !isScored(query);
    for (const [term, weight] of weights.terms.entries()) {
      const list = segment.terms[term]?.list;
      if (list !== undefined) this.#scorers.push(new TermScorer(list, weight, segment.documents));
    }
    for (const list of segment.prefixes.slice(0, query.scoredPrefixes)) {
      if (list === undefined) continue;
      this.#scorers.push(new TermScorer(list, weights.prefix, segment.documents));
    }
    this.#strongestFirst = this.#scorers.toSorted((one, other) => other.most - one.most);
  }

  /**
   * Window after window, each with what it took, in postings: whoever runs it may let others have their turn
   * between.
   */
  *windows(): Generator<number> {
    if (this.#query.required.some((clause) => this.#listsOf(clause) === undefined)) return;
    for (const { firstDoc, endDoc } of this.#segment.searched) {
      for (let start = firstDoc; start < endDoc; ) {
        const number = windowOf(start);
        const end = Math.min(endDoc, (number + 1) * windowDocuments);
        const firstPlace = placeInWindow(start);
        yield this.#search({ number, firstPlace, endPlace: firstPlace + end - start });
        start = end;
      }
    }
  }

  #search(window: Window): number {
    if (!isScored(this.#query)) {
      if (this.#mark(window)) this.#offerMarked(window);
      return windowDocuments;
    }
    const present: TermScorer[] = [];
    let units = 0;
    for (const scorer of this.#strongestFirst) {
      scorer.enter(window);
      if (scorer.count === 0) continue;
      present.push(scorer);
      units += scorer.windowMost;
    }
    const unitsMin = this.#unitsMin();
    if (present.length === 0 || units < unitsMin) return present.length;
    if (this.#isMarked && !this.#mark(window)) return windowDocuments;
    return unitsMin <= 0 ? this.#offerAll(window) : this.#offerBest(window, present, units);
  }

  #unitsMin(): number {
    return this.#weights.unitsFor(this.#collector.threshold);
  }

  /** Every document counts. Terms are added in the order of the query: these are the scores. */
  #offerAll({ number, firstPlace, endPlace }: Window): number {
    const collector = this.#collector;
    const scores = this.#space.scores.fill(0);
    let work = windowDocuments;
    for (const scorer of this.#scorers) {
      scorer.addScores(scores);
      work += scorer.count;
    }
    for (let place = firstPlace; place < endPlace; place += 1) {
      const score = scores[place] as number;
      if (score === 0 || score < collector.threshold) continue;
      if (this.#isMarked && this.#space.marks[place] === 0) continue;
      collector.offer(this.#segment, number * windowDocuments + place, score);
    }
    return work;
  }

  /** Of the terms that stand in the window, which together give so many units at most. */
  #offerBest({ number }: Window, present: readonly TermScorer[], units: number): number {
    const { candidates, marks } = this.#space;
    const unitsMin = this.#unitsMin();
    let left = units;
    let essential = 0;
    for (; left >= unitsMin; essential += 1) left -= (present[essential] as TermScorer).windowMost;
    const first = present.slice(0, essential);
    // So few more postings leave far fewer candidates to look at.
    let added = first.reduce((sum, { count }) => sum + count, 0);
    for (const scorer of present.slice(essential)) {
      if (left <= leftShare * unitsMin || added < addsPerWindow || scorer.count > added) break;
      first.push(scorer);
      left -= scorer.windowMost;
      added += scorer.count;
    }
    let work = windowWork + candidates.find(first, unitsMin - left);
    if (this.#isMarked) candidates.keep(marks);
    for (const scorer of present.slice(first.length)) {
      if (candidates.count === 0) break;
      left -= scorer.windowMost;
      work += candidates.add(scorer, unitsMin - left);
    }
    for (let at = 0; at < candidates.count; at += 1) {
      if ((candidates.units[at] as number) < this.#unitsMin()) continue;
      const place = candidates.places[at] as number;
      work += this.#scorers.length;
      this.#collector.offer(this.#segment, number * windowDocuments + place, this.#scoreAt(place));
    }
    return work;
  }

  #scoreAt(place: number): number {
    let score = 0;
    for (const scorer of this.#scorers) score += scorer.scoreAt(place);
    return score;
  }

  /** A query of filters alone: in the order of the documents. */
  #offerMarked({ number, firstPlace, endPlace }: Window): void {
    for (let place = firstPlace; place < endPlace; place += 1) {
      if (this.#space.marks[place] === 0) continue;
      this.#collector.offer(this.#segment, number * windowDocuments + place, 0);
    }
  }

  /** Marks what the query lets through, by its place in the window. Says whether anything is. */
  #mark({ number, firstPlace, endPlace }: Window): boolean {
    const firstDoc = number * windowDocuments;
    const marks = this.#space.marks.fill(0).fill(1, firstPlace, endPlace);
    for (const gone of this.#segment.gone) {
      const start = Math.max(gone.firstDoc - firstDoc, 0);
      const end = Math.min(gone.endDoc - firstDoc, windowDocuments);
      if (start < end) marks.fill(0, start, end);
    }
    const range = { firstDoc, endDoc: firstDoc + windowDocuments };
    for (const clause of this.#query.required) {
      const has = this.#markClause(clause, range);
      for (let place = 0; place < windowDocuments; place += 1)
        if (has[place] === 0) marks[place] = 0;
    }
    for (const clause of this.#query.excluded) {
      const has = this.#markClause(clause, range);
      for (let place = 0; place < windowDocuments; place += 1)
        if (has[place] === 1) marks[place] = 0;
    }
    if (!marks.includes(1)) return false;
    if (this.#query.filters.length === 0) return true;
    clearFiltered(this.#segment.documents, this.#query.filters, { range, marks });
    return marks.includes(1);
  }

  /** Documents that have all of a clause. */
  #markClause(clause: Clause, range: DocRange): Uint8Array {
    const lists = this.#listsOf(clause);
    const has = this.#space.clauseMarks.fill(lists === undefined ? 0 : 1);
    for (const list of lists ?? []) {
      const marks = this.#space.listMarks.fill(0);
      list.mark(range, marks);
      for (let place = 0; place < windowDocuments; place += 1)
        if (marks[place] === 0) has[place] = 0;
    }
    return has;
  }

  /** Undefined where no document of the segment can have all. */
  #listsOf({ terms, prefixes }: Clause): readonly WindowedList[] | undefined {
    const lists = [
      ...terms.map((term) => this.#segment.terms[term]?.list),
      ...prefixes.map((prefix) => this.#segment.prefixes[prefix]),
    ];
    return lists.every((list) => list !== undefined) ? lists : undefined;
  }
}

/** Whether an event has to have any of the query's words. */
export const isScored = ({ scored, scoredPrefixes }: Query): boolean => scored + scoredPrefixes > 0;

import type { Documents } from './documents.ts';
import { lengthCodeBits } from './length-codes.ts';
import { lowerBound } from './postings.ts';
import type { TermWeight } from './term-weights.ts';
import { unitsInWindow } from './window-tops.ts';
import {
  frequencyBits,
  frequencyMax,
  postingFrom,
  type WindowedList,
  windowDocuments,
} from './windowed-list.ts';

/** Documents of one window that are searched, by their places in it: half-open. */
export interface Window {
  readonly number: number;
  readonly firstPlace: number;
  readonly endPlace: number;
}

/** Gives documents what one term gives them, window after window. */
export class TermScorer {
  readonly #list: WindowedList;
  readonly #weight: TermWeight;
  readonly #documents: Documents;
  /** The most that any document is given, in units. */
  readonly most: number;
  /** The same of the window that was entered last. */
  windowMost = 0;
  /** Among the list's windows, the first that is not behind the one that was entered; -1 before there was any. */
  #at = -1;
  #firstDoc = 0;
  /** The postings of the window that was entered last. */
  #start = 0;
  #end = 0;

  constructor(list: WindowedList, weight: TermWeight, documents: Documents) {
    this.#list = list;
    this.#weight = weight;
    this.#documents = documents;
    this.most = weight.mostOf(list);
  }

  /** Windows are entered in order. */
  enter({ number, firstPlace, endPlace }: Window): void {
    const { windows, starts, postings } = this.#list;
    if (this.#at === -1) this.#at = lowerBound(windows, number, windows.length);
    while ((windows[this.#at] as number) < number) this.#at += 1;
    this.#start = starts[this.#at] as number;
    this.#end = this.#start;
    if (windows[this.#at] !== number) return;
    this.#firstDoc = number * windowDocuments;
    this.#end = starts[this.#at + 1] as number;
    const { tops } = this.#list;
    this.windowMost = tops ? unitsInWindow(tops, this.#at, this.#weight.units) : this.most;
    const range = { start: this.#start, end: this.#end };
    if (firstPlace > 0) this.#start = postingFrom(postings, firstPlace, range);
    if (endPlace < windowDocuments) this.#end = postingFrom(postings, endPlace, range);
  }

  /** Postings of the window. */
  get count(): number {
    return this.#end - this.#start;
  }

  /** Adds what documents of the window are given at most, in units. */
  addUnits(sums: Int32Array): void {
    const { lengthCodes: codes, range } = this.#documents;
    const { units } = this.#weight;
    const postings = { postings: this.#list.postings, start: this.#start, end: this.#end };
    sumUnits(sums, postings, { codes, units, first: this.#firstDoc - range.firstDoc });
  }

  /** Of a posting of the window, where its document stands there. */
  placeOf(index: number): number {
    return (this.#list.postings[this.#start + index] as number) >>> frequencyBits;
  }

  /** Adds to the scores of the window's documents. */
  addScores(scores: Float64Array): void {
    const list = this.#list;
    const weight = this.#weight;
    const { lengths, range } = this.#documents;
    for (let at = this.#start; at < this.#end; at += 1) {
      const posting = list.postings[at] as number;
      const place = posting >>> frequencyBits;
      const document = this.#firstDoc + place;
      const frequency = list.frequencyOf(posting, document);
      const score = weight.scoreOf(frequency, lengths[document - range.firstDoc] as number);
      scores[place] = (scores[place] as number) + score;
    }
  }

  /** What a document of the window is given at most, in units. */
  unitsAt(place: number): number {
    const posting = this.#postingAt(place);
    if (posting === 0) return 0;
    const code = this.#documents.lengthCodes[this.#placeOfLength(place)] as number;
    return this.#weight.units[((posting & frequencyMax) << lengthCodeBits) | code] as number;
  }

  scoreAt(place: number): number {
    const posting = this.#postingAt(place);
    if (posting === 0) return 0;
    const frequency = this.#list.frequencyOf(posting, this.#firstDoc + place);
    const length = this.#documents.lengths[this.#placeOfLength(place)] as number;
    return this.#weight.scoreOf(frequency, length);
  }

  #placeOfLength(place: number): number {
    return this.#firstDoc + place - this.#documents.range.firstDoc;
  }

  /** 0 where it has none: no posting is of no frequency. */
  #postingAt(place: number): number {
    const { postings } = this.#list;
    const at = postingFrom(postings, place, { start: this.#start, end: this.#end });
    if (at === this.#end) return 0;
    const posting = postings[at] as number;
    return posting >>> frequencyBits === place ? posting : 0;
  }
}

/** The innermost loop of a search: on its own, and with nothing in it that is not at hand. */
function sumUnits(
  sums: Int32Array,
  {
    postings,
    start,
    end,
  }: { readonly postings: Uint16Array; readonly start: number; readonly end: number },
  {
    codes,
    units,
    first,
  }: { readonly codes: Uint8Array; readonly units: Uint16Array; readonly first: number },
): void {
  const [placeShift, frequencyMask, codeBits] = [frequencyBits, frequencyMax, lengthCodeBits];
  for (let at = start; at < end; at += 1) {
    const posting = postings[at] as number;
    const place = posting >>> placeShift;
    const code = codes[first + place] as number;
    const unit = units[((posting & frequencyMask) << codeBits) | code] as number;
    sums[place] = ((sums[place] as number) + unit) | 0;
  }
}

// The postings of one term as a search reads them, decoded once and kept: two bytes each, window after window of
// 4,096 documents.
//
//   posting  := document within its window, 12 bits; frequency, 4 bits, of which 15 says 15 or more

import type { DocRange, DocRanges } from './doc-ranges.ts';
import { lowerBound } from './postings.ts';

const windowBits = 12;
export const windowDocuments = 4_096;
export const frequencyBits = 4;
/** Of a posting; a higher frequency stands beside. */
export const frequencyMax = 15;

/** What is known of a window by then. */
export const topBytes = 5;
/** What the objects of a list take beside its numbers, and one frequency that stands beside. */
const [listBytes, oftenBytes] = [512, 48];

export const windowOf = (document: number): number => document >>> windowBits;
export const placeInWindow = (document: number): number => document & (windowDocuments - 1);

/** Who has no higher frequency, and is no shorter, is given no more. */
export interface Pair {
  readonly frequency: number;
  readonly length: number;
}

interface Columns {
  /** Those that have postings, in order. */
  readonly windows: Uint32Array;
  /** Where the postings of each begin, and of the last one where they end. */
  readonly starts: Uint32Array;
  readonly postings: Uint16Array;
  /** Frequencies that find no room in a posting, by document. */
  readonly often: ReadonlyMap<number, number>;
  readonly pairs: readonly Pair[];
}

export class WindowedList {
  readonly windows: Uint32Array;
  readonly starts: Uint32Array;
  readonly postings: Uint16Array;
  /** Together they bound every posting; none of a list that has none. */
  readonly pairs: readonly Pair[];
  /** What bounds the postings of each window (window-tops.ts), once somebody had all documents at hand. */
  tops: Uint8Array | undefined;
  readonly #often: ReadonlyMap<number, number>;

  constructor({ windows, starts, postings, often, pairs }: Columns) {
    this.windows = windows;
    this.starts = starts;
    this.postings = postings;
    this.pairs = pairs;
    this.#often = often;
  }

  get df(): number {
    return this.postings.length;
  }

  get costBytes(): number {
    const { windows, starts, postings } = this;
    const columns = windows.byteLength + starts.byteLength + postings.byteLength;
    return listBytes + columns + topBytes * windows.length + oftenBytes * this.#often.size;
  }

  /** How often the term stands in a document. */
  frequencyIn(document: number): number {
    const window = lowerBound(this.windows, windowOf(document), this.windows.length);
    if (this.windows[window] !== windowOf(document)) return 0;
    const end = this.starts[window + 1] as number;
    const place = placeInWindow(document);
    const at = postingFrom(this.postings, place, { start: this.starts[window] as number, end });
    const posting = this.postings[at] as number;
    if (at === end || posting >>> frequencyBits !== place) return 0;
    return this.frequencyOf(posting, document);
  }

  /** Of a document's posting. */
  frequencyOf(posting: number, document: number): number {
    const frequency = posting & frequencyMax;
    return frequency < frequencyMax ? frequency : (this.#often.get(document) as number);
  }

  /** Postings of documents in some ranges. */
  countIn(ranges: DocRanges): number {
    let count = 0;
    for (const { firstDoc, endDoc } of ranges) count += this.#from(endDoc) - this.#from(firstDoc);
    return count;
  }

  /** Sets the marks, one a document of the range, of those that the list has. */
  mark({ firstDoc, endDoc }: DocRange, marks: Uint8Array): void {
    const { windows, starts, postings } = this;
    const end = this.#from(endDoc);
    let window = lowerBound(windows, windowOf(firstDoc), windows.length);
    for (let at = this.#from(firstDoc); at < end; at += 1) {
      while (at >= (starts[window + 1] as number)) window += 1;
      const first = (windows[window] as number) * windowDocuments - firstDoc;
      marks[first + ((postings[at] as number) >>> frequencyBits)] = 1;
    }
  }

  /** The first posting of a document or of one behind it. */
  #from(document: number): number {
    const { windows, starts, postings } = this;
    const window = lowerBound(windows, windowOf(document), windows.length);
    const start = starts[window] as number;
    if (windows[window] !== windowOf(document)) return start;
    const end = starts[window + 1] as number;
    return postingFrom(postings, placeInWindow(document), { start, end });
  }
}

/** Among postings of one window, the first whose document stands there or behind. */
export function postingFrom(
  postings: Uint16Array,
  place: number,
  { start, end }: { readonly start: number; readonly end: number },
): number {
  const least = place << frequencyBits;
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((postings[middle] as number) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

const noneOften: ReadonlyMap<number, number> = new Map();

/** Makes a list of postings that are added in order. */
export class ListBuilder {
  readonly #postings: Uint16Array;
  readonly #windows: Uint32Array;
  readonly #starts: Uint32Array;
  #often: Map<number, number> | undefined;
  #count = 0;
  #windowCount = 0;
  #window = -1;

  /** For so many postings of documents up to there. */
  constructor(df: number, lastDoc: number) {
    const windows = Math.min(df, windowOf(lastDoc) + 1);
    this.#postings = new Uint16Array(df);
    this.#windows = new Uint32Array(windows);
    this.#starts = new Uint32Array(windows + 1);
  }

  add(document: number, frequency: number): void {
    const window = windowOf(document);
    if (window !== this.#window) {
      this.#window = window;
      this.#windows[this.#windowCount] = window;
      this.#starts[this.#windowCount] = this.#count;
      this.#windowCount += 1;
    }
    let kept = frequency;
    if (frequency >= frequencyMax) {
      kept = frequencyMax;
      this.#often ??= new Map();
      this.#often.set(document, frequency);
    }
    this.#postings[this.#count] = (placeInWindow(document) << frequencyBits) | kept;
    this.#count += 1;
  }

  take(pairs: readonly Pair[]): WindowedList {
    const count = this.#windowCount;
    this.#starts[count] = this.#count;
    return new WindowedList({
      windows: this.#windows.slice(0, count),
      starts: this.#starts.slice(0, count + 1),
      postings: this.#postings,
      often: this.#often ?? noneOften,
      pairs,
    });
  }
}

/** Of all documents that are marked, from the first one on. */
export function listOfMarks(marks: Uint8Array, firstDoc: number): WindowedList {
  const count = marks.reduce((sum, mark) => sum + mark, 0);
  const builder = new ListBuilder(count, firstDoc + marks.length);
  for (let at = 0; at < marks.length; at += 1) if (marks[at] === 1) builder.add(firstDoc + at, 1);
  return builder.take([]);
}

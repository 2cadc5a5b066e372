// The postings of one term, in document order:
//
//   list     := df:varint rest
//   rest     := skip{blocks, where there are two or more} block{blocks}      blocks = df / 128, rounded up
//   skip     := last-document-delta:varint block-bytes:varint pairs:varint (tf:varint length:varint)*
//   block    := posting{128, of the last block what is left}
//   posting  := (2 * gap + (tf > 1)):varint [tf-2:varint]
//
// A gap is the documents between a posting's and the one before it, in the first posting those before it. The
// pairs of a block bound it: each of its postings has a pair with no smaller tf and no larger length. So they
// bound its scores, whatever the statistics of the whole index have become since. Stored.

import { ByteReader, ByteWriter } from '@tidemark/tables';
import type { DocRange } from './doc-ranges.ts';

export const blockPostings = 128;
/** Pairs bound the frequencies 1, 2, 3 to 4, and those above. */
export const pairsMax = 4;

interface Numbers {
  readonly [index: number]: number;
}

export interface Postings {
  readonly documents: Numbers;
  readonly frequencies: Numbers;
  /** They lie from here ... */
  readonly start: number;
  /** ... to here. */
  readonly end: number;
}

/** What a list is made of. */
export interface EncodedList {
  readonly df: number;
  readonly rest: Uint8Array;
}

/** Which of the pairs bounds a frequency. */
export function pairOf(frequency: number): number {
  if (frequency <= 2) return frequency - 1;
  return frequency <= 4 ? 2 : 3;
}

/** Encodes one list after the other. */
export class PostingsEncoder {
  readonly #skips = new ByteWriter();
  readonly #blocks = new ByteWriter();
  readonly #lengthOf: Numbers;

  readonly #firstDoc: number;

  /** Of the documents' lengths, from the first one on. */
  constructor(lengthOf: Numbers, firstDoc = 0) {
    this.#lengthOf = lengthOf;
    this.#firstDoc = firstDoc;
  }

  encode(postings: Postings): EncodedList {
    const { start, end, documents } = postings;
    let before = -1;
    let lastBefore = 0;
    for (let first = start; first < end; first += blockPostings) {
      const blockEnd = Math.min(end, first + blockPostings);
      const bytesBefore = this.#blocks.length;
      this.#block(postings, { first, end: blockEnd, before });
      before = documents[blockEnd - 1] as number;
      if (end - start <= blockPostings) break;
      this.#skips.varint(before - lastBefore);
      this.#skips.varint(this.#blocks.length - bytesBefore);
      this.#pairs(postings, first, blockEnd);
      lastBefore = before;
    }
    if (this.#skips.length === 0) return { df: end - start, rest: this.#blocks.take() };
    this.#skips.bytes(this.#blocks.take());
    return { df: end - start, rest: this.#skips.take() };
  }

  #block(
    { documents, frequencies }: Postings,
    {
      first,
      end,
      before,
    }: { readonly first: number; readonly end: number; readonly before: number },
  ): void {
    let previous = before;
    for (let at = first; at < end; at += 1) {
      const document = documents[at] as number;
      const frequency = frequencies[at] as number;
      const gap = document - previous - 1;
      previous = document;
      this.#blocks.varint(frequency > 1 ? 2 * gap + 1 : 2 * gap);
      if (frequency > 1) this.#blocks.varint(frequency - 2);
    }
  }

  #pairs({ documents, frequencies }: Postings, first: number, end: number): void {
    const most = new Uint32Array(pairsMax);
    const shortest = new Uint32Array(pairsMax).fill(0xffff_ffff);
    for (let at = first; at < end; at += 1) {
      const frequency = frequencies[at] as number;
      const length = this.#lengthOf[(documents[at] as number) - this.#firstDoc] as number;
      const pair = pairOf(frequency);
      if (frequency > (most[pair] as number)) most[pair] = frequency;
      if (length < (shortest[pair] as number)) shortest[pair] = length;
    }
    const kept: number[] = [];
    let least = 0xffff_ffff;
    for (let pair = pairsMax - 1; pair >= 0; pair -= 1) {
      const length = shortest[pair] as number;
      if ((most[pair] as number) === 0 || length >= least) continue;
      least = length;
      kept.push(most[pair] as number, length);
    }
    this.#skips.varint(kept.length / 2);
    for (const value of kept) this.#skips.varint(value);
  }
}

/** Reads a list once, from end to end: of short lists there are many, and nothing is set up for them. */
export class ListReader {
  readonly #reader: ByteReader;
  #left: number;
  document = -1;
  frequency = 0;

  constructor({ df, rest }: EncodedList) {
    this.#reader = new ByteReader(rest);
    this.#left = df;
    if (df > blockPostings) this.#passSkips(Math.ceil(df / blockPostings));
  }

  next(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    const value = this.#reader.nextUnsigned();
    this.document += (value >>> 1) + 1;
    this.frequency = (value & 1) === 0 ? 1 : this.#reader.nextUnsigned() + 2;
    return true;
  }

  #passSkips(blocks: number): void {
    const reader = this.#reader;
    for (let block = 0; block < blocks; block += 1) {
      reader.nextUnsigned();
      reader.nextUnsigned();
      for (let left = 2 * reader.nextUnsigned(); left > 0; left -= 1) reader.nextUnsigned();
    }
  }
}

/** Sets the marks, one a document of a range, of all documents that a list has. */
export function markDocuments(
  list: EncodedList,
  { firstDoc, endDoc }: DocRange,
  marks: Uint8Array,
): void {
  const reader = new ListReader(list);
  while (reader.next()) {
    if (reader.document >= endDoc) return;
    if (reader.document >= firstDoc) marks[reader.document - firstDoc] = 1;
  }
}

/** The first place, of so many, whose value is no smaller. */
export function lowerBound(values: Numbers, value: number, count: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

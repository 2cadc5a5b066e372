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
import type { DocRange, DocRanges } from './doc-ranges.ts';

export const blockPostings = 128;
/** Pairs bound the frequencies 1, 2, 3 to 4, and those above. */
const pairsMax = 4;

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
      const pair = frequency <= 2 ? frequency - 1 : frequency <= 4 ? 2 : 3;
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

/** Reads one list. Throws a RangeError on bytes that are none. */
export class PostingList {
  readonly df: number;
  readonly blocks: number;
  readonly #bytes: Uint8Array;
  /** Of each block: its last document, where its bytes begin, where its pairs begin. */
  readonly #lasts: Uint32Array;
  readonly #starts: Uint32Array;
  readonly #pairStarts: Uint32Array;
  readonly #pairs: Uint32Array;
  /** The block that is decoded. */
  #decoded = -1;
  readonly documents: Uint32Array = new Uint32Array(blockPostings);
  readonly frequencies: Uint16Array = new Uint16Array(blockPostings);

  constructor({ df, rest }: EncodedList) {
    this.df = df;
    this.#bytes = rest;
    this.blocks = Math.ceil(df / blockPostings);
    const isSkipped = this.blocks > 1;
    this.#lasts = new Uint32Array(isSkipped ? this.blocks : 1);
    this.#starts = new Uint32Array(this.#lasts.length);
    this.#pairStarts = new Uint32Array(isSkipped ? this.blocks + 1 : 0);
    this.#pairs = new Uint32Array(isSkipped ? 2 * pairsMax * this.blocks : 0);
    if (isSkipped) this.#readSkips(new ByteReader(rest));
    else if (df > 0) this.#lasts[0] = this.#decodeInto(0, df);
  }

  lastOf(block: number): number {
    return this.#lasts[block] as number;
  }

  firstOf(block: number): number {
    return block === 0 ? 0 : this.lastOf(block - 1) + 1;
  }

  countOf(block: number): number {
    return Math.min(blockPostings, this.df - block * blockPostings);
  }

  /** The first block that ends at a document or behind it; the number of blocks where there is none. */
  blockFrom(document: number): number {
    let low = 0;
    let high = this.blocks;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lasts[middle] as number) < document) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Decodes a block into `documents` and `frequencies`, and says how many there are. */
  open(block: number): number {
    const count = this.countOf(block);
    if (block !== this.#decoded) this.#decodeInto(block, count);
    return count;
  }

  /**
   * The most that any posting of a block may score. A single block has no pairs: who asks for its bound has its
   * postings at hand.
   */
  boundOf(block: number, scoreOf: (frequency: number, length: number) => number): number {
    let bound = 0;
    const end = this.#pairStarts[block + 1] as number;
    for (let at = this.#pairStarts[block] as number; at < end; at += 2) {
      bound = Math.max(bound, scoreOf(this.#pairs[at] as number, this.#pairs[at + 1] as number));
    }
    return bound;
  }

  /** How often the term stands in a document. */
  frequencyIn(document: number): number {
    const block = this.blockFrom(document);
    if (block === this.blocks) return 0;
    const at = lowerBound(this.documents, document, this.open(block));
    return this.documents[at] === document && at < this.countOf(block)
      ? (this.frequencies[at] as number)
      : 0;
  }

  /** Postings of documents in some ranges: blocks that lie in a range whole are not decoded. */
  countIn(ranges: DocRanges): number {
    let count = 0;
    for (const range of ranges) count += this.#before(range.endDoc) - this.#before(range.firstDoc);
    return count;
  }

  /** Postings of documents before one. */
  #before(document: number): number {
    const block = this.blockFrom(document);
    if (block === this.blocks) return this.df;
    return block * blockPostings + lowerBound(this.documents, document, this.open(block));
  }

  #readSkips(reader: ByteReader): void {
    let last = 0;
    let start = 0;
    let pairs = 0;
    for (let block = 0; block < this.blocks; block += 1) {
      last += reader.nextUnsigned();
      this.#lasts[block] = last;
      this.#starts[block] = start;
      start += reader.nextUnsigned();
      this.#pairStarts[block] = pairs;
      const end = pairs + 2 * Math.min(pairsMax, reader.nextUnsigned());
      for (; pairs < end; pairs += 1) this.#pairs[pairs] = reader.nextUnsigned();
    }
    this.#pairStarts[this.blocks] = pairs;
    for (let block = 0; block < this.blocks; block += 1) {
      this.#starts[block] = (this.#starts[block] as number) + reader.at;
    }
    if (reader.at + start !== this.#bytes.length) throw new RangeError('a list of another length');
  }

  /** Says which document is the last. */
  #decodeInto(block: number, count: number): number {
    const bytes = this.#bytes;
    const { documents, frequencies } = this;
    let at = this.#starts[block] as number;
    let document = block === 0 ? -1 : this.lastOf(block - 1);
    for (let index = 0; index < count; index += 1) {
      let value = bytes[at++] as number;
      if (value >= 0x80) {
        value &= 0x7f;
        let byte: number;
        let scale = 0x80;
        do {
          byte = bytes[at++] as number;
          value += (byte & 0x7f) * scale;
          scale *= 0x80;
        } while (byte >= 0x80);
      }
      document += (value >>> 1) + 1;
      documents[index] = document;
      let frequency = 1;
      if ((value & 1) === 1) {
        let byte = bytes[at++] as number;
        frequency = (byte & 0x7f) + 2;
        for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
          byte = bytes[at++] as number;
          frequency += (byte & 0x7f) * scale;
        }
      }
      frequencies[index] = frequency;
    }
    if (at > bytes.length) throw new RangeError('a list that is cut short');
    this.#decoded = block;
    return document;
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

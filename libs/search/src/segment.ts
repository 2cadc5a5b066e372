// What one source has to say to one query: a table, or a part of the tail. Everything a search needs of it is in
// memory, so that all sources are scored together, after all of them are there.

import type { DocRange, DocRanges } from './doc-ranges.ts';
import type { Documents } from './documents.ts';
import { type EncodedList, markDocuments, PostingList, PostingsEncoder } from './postings.ts';
import type { Statistics } from './statistics.ts';

/** What a query asks of every source. */
export interface Need {
  /** Keys of terms, with their prefix. */
  readonly terms: readonly string[];
  /** Beginnings of terms and forms, without it. */
  readonly prefixes: readonly string[];
  /** Only this session is searched; its documents are still scored by the statistics of all. */
  readonly session: string | undefined;
}

export interface TermPostings {
  /** In how many of the source's documents, gone ones left out: in all of them, whatever is searched. */
  readonly df: number;
  /** Undefined where nothing of the source is searched. */
  readonly list: PostingList | undefined;
}

export interface Segment {
  /** Of all documents of the source, gone ones left out. */
  readonly statistics: Statistics;
  readonly documents: Documents;
  /** Those that are searched. */
  readonly searched: DocRanges;
  readonly gone: DocRanges;
  /** By the places in the need. */
  readonly terms: readonly (TermPostings | undefined)[];
  readonly prefixes: readonly (PostingList | undefined)[];
}

export function termPostings(
  encoded: EncodedList | undefined,
  gone: DocRanges,
): TermPostings | undefined {
  if (encoded === undefined) return undefined;
  const list = new PostingList(encoded);
  return { df: list.df - (gone.length === 0 ? 0 : list.countIn(gone)), list };
}

/** One list of all documents that any of some lists has, each once. */
export function unionOf(
  lists: readonly EncodedList[],
  { documents }: { readonly documents: Documents },
): PostingList | undefined {
  if (lists.length === 0) return undefined;
  const { firstDoc, endDoc } = documents.range;
  const has = new Uint8Array(endDoc - firstDoc);
  for (const list of lists) markDocuments(list, { firstDoc, endDoc }, has);
  const found = new Uint32Array(has.length);
  let count = 0;
  for (let at = 0; at < has.length; at += 1) {
    if (has[at] === 0) continue;
    found[count] = firstDoc + at;
    count += 1;
  }
  if (count === 0) return undefined;
  const frequencies = new Uint8Array(count).fill(1);
  const encoder = new PostingsEncoder(documents.lengths, firstDoc);
  return new PostingList(encoder.encode({ documents: found, frequencies, start: 0, end: count }));
}

/** Sets what the list has of a range. */
export function markWithin(
  list: PostingList,
  { firstDoc, endDoc }: DocRange,
  marks: Uint8Array,
): void {
  for (let block = list.blockFrom(firstDoc); block < list.blocks; block += 1) {
    if (list.firstOf(block) >= endDoc) return;
    const count = list.open(block);
    for (let at = 0; at < count; at += 1) {
      const document = list.documents[at] as number;
      if (document >= firstDoc && document < endDoc) marks[document - firstDoc] = 1;
    }
  }
}

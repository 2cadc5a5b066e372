// What one source has to say to one query: a table, or a part of the tail. Everything a search needs of it is in
// memory, so that all sources are scored together, after all of them are there.

import type { DocRanges } from './doc-ranges.ts';
import type { Documents } from './documents.ts';
import { decodeList } from './list-decoder.ts';
import { type EncodedList, markDocuments } from './postings.ts';
import type { Statistics } from './statistics.ts';
import { listOfMarks, type WindowedList } from './windowed-list.ts';

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
  readonly list: WindowedList | undefined;
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
  readonly prefixes: readonly (WindowedList | undefined)[];
}

export function termPostings(
  list: WindowedList | undefined,
  gone: DocRanges,
): TermPostings | undefined {
  return list && { df: list.df - (gone.length === 0 ? 0 : list.countIn(gone)), list };
}

/** Of what is in memory as it is stored: where all count, no more is decoded than is searched. */
export function decodedPostings(
  encoded: EncodedList | undefined,
  gone: DocRanges,
  searched: DocRanges,
): TermPostings | undefined {
  if (encoded === undefined) return undefined;
  if (gone.length > 0) return termPostings(decodeList(encoded), gone);
  const [firstDoc, endDoc] = [searched[0]?.firstDoc, searched.at(-1)?.endDoc];
  if (firstDoc === undefined || endDoc === undefined) return { df: encoded.df, list: undefined };
  return { df: encoded.df, list: decodeList(encoded, { firstDoc, endDoc }) };
}

/** One list of all documents that any of some lists has, each once. */
export function unionOf(
  lists: readonly EncodedList[],
  { documents }: { readonly documents: Documents },
): WindowedList | undefined {
  if (lists.length === 0) return undefined;
  const { firstDoc, endDoc } = documents.range;
  const has = new Uint8Array(endDoc - firstDoc);
  for (const list of lists) markDocuments(list, { firstDoc, endDoc }, has);
  const union = listOfMarks(has, firstDoc);
  return union.df === 0 ? undefined : union;
}

import { assert, compareText } from '@tidemark/std';
import { type DocRange, type DocRanges, isWithin, joined, noDocs } from './doc-ranges.ts';
import {
  blobFlag,
  cutFlag,
  type DocumentPage,
  errorFlag,
  type PageLengths,
} from './document-page.ts';
import { lowerBound } from './postings.ts';
import { addStatistics, noDocuments, type Statistics, statisticsOf } from './statistics.ts';

/** Whose page it is, and what it holds: decoded only where it is asked for. */
export interface SessionPage {
  readonly session: string;
  readonly bytes: number;
  readonly lengths: PageLengths;
  decode(): DocumentPage;
}

/** What an answer says of a document. */
export interface DocumentFacts {
  readonly timeMs: number;
  readonly type: string;
  readonly level: string;
  readonly tool: string;
  readonly status: string;
  readonly isError: boolean;
  readonly isCut: boolean;
  readonly hasBlob: boolean;
}

/** Documents that follow one another in an index: those of one session, or all. */
export class Documents {
  readonly range: DocRange;
  /** Of the document that is so far behind the first. */
  readonly lengths: Uint32Array;
  readonly #pages: readonly SessionPage[];
  readonly #starts: Uint32Array;
  readonly #decoded: (DocumentPage | undefined)[];

  constructor(pages: readonly SessionPage[]) {
    this.#pages = pages;
    this.#decoded = pages.map(() => undefined);
    const read = pages.map(({ lengths }) => lengths);
    const firstDoc = read[0]?.firstDoc ?? 0;
    const count = read.reduce((sum, page) => sum + page.count, 0);
    this.range = { firstDoc, endDoc: firstDoc + count };
    this.lengths = new Uint32Array(count);
    this.#starts = Uint32Array.from(read, (page) => page.firstDoc);
    let next = firstDoc;
    for (const page of read) {
      assert(page.firstDoc === next, 'pages follow one another');
      this.lengths.set(page.lengths, next - firstDoc);
      next += page.count;
    }
  }

  get costBytes(): number {
    const stored = this.#pages.reduce((sum, { bytes }) => sum + bytes, 0);
    // Columns, once they are decoded, take a number of bytes a document.
    return stored + 32 * this.lengths.length + 128 * this.#pages.length;
  }

  get pages(): number {
    return this.#pages.length;
  }

  page(index: number): DocumentPage {
    const known = this.#decoded[index];
    if (known !== undefined) return known;
    const page = (this.#pages[index] as SessionPage).decode();
    this.#decoded[index] = page;
    return page;
  }

  sessionOf(document: number): string {
    return this.sessionOfPage(this.pageOf(document));
  }

  sessionOfPage(index: number): string {
    return (this.#pages[index] as SessionPage).session;
  }

  /** The documents of a page. */
  rangeOfPage(index: number): DocRange {
    const endDoc = this.#starts[index + 1] ?? this.range.endDoc;
    return { firstDoc: this.#starts[index] as number, endDoc };
  }

  seqOf(document: number): number {
    const page = this.page(this.pageOf(document));
    return page.seqs[document - page.firstDoc] as number;
  }

  factsOf(document: number): DocumentFacts {
    const { firstDoc, times, flags, facets } = this.page(this.pageOf(document));
    const at = document - firstDoc;
    const flag = flags[at] as number;
    const valueOf = (name: keyof typeof facets): string =>
      facets[name].values[facets[name].ids[at] as number] ?? '';
    return {
      timeMs: times[at] as number,
      type: valueOf('type'),
      level: valueOf('level'),
      tool: valueOf('tool'),
      status: valueOf('status'),
      isError: (flag & errorFlag) !== 0,
      isCut: (flag & cutFlag) !== 0,
      hasBlob: (flag & blobFlag) !== 0,
    };
  }

  /** Those of a session from one seq up to another. */
  of(session: string, { firstSeq = 0, endSeq = Number.POSITIVE_INFINITY } = {}): DocRanges {
    const ranges: DocRange[] = [];
    for (let index = this.#firstPageOf(session); index < this.#pages.length; index += 1) {
      if (this.sessionOfPage(index) !== session) break;
      const { firstDoc, seqs, count } = this.page(index);
      const start = firstDoc + lowerBound(seqs, firstSeq, count);
      const end = endSeq === Number.POSITIVE_INFINITY ? count : lowerBound(seqs, endSeq, count);
      ranges.push({ firstDoc: start, endDoc: firstDoc + end });
    }
    return joined(ranges);
  }

  /** Of the pages in some ranges: documents whose text is cut, and those of which something is no text. */
  countsOf(ranges: DocRanges): { readonly cut: number; readonly blobs: number } {
    let cut = 0;
    let blobs = 0;
    for (const { lengths } of this.#pages) {
      if (!isWithin(ranges, lengths.firstDoc)) continue;
      cut += lengths.cutCount;
      blobs += lengths.blobCount;
    }
    return { cut, blobs };
  }

  /** The first document behind a place. */
  firstBehind({ session, seq }: { readonly session: string; readonly seq: number }): number {
    for (let index = this.#firstPageOf(session); index < this.#pages.length; index += 1) {
      const { firstDoc, endDoc } = this.rangeOfPage(index);
      if (this.sessionOfPage(index) !== session) return firstDoc;
      const at = lowerBound(this.page(index).seqs, seq + 1, endDoc - firstDoc);
      if (firstDoc + at < endDoc) return firstDoc + at;
    }
    return this.range.endDoc;
  }

  statisticsOf(ranges: DocRanges): Statistics {
    const { firstDoc } = this.range;
    return ranges.reduce(
      (sum, range) =>
        addStatistics(
          sum,
          statisticsOf(this.lengths, {
            start: range.firstDoc - firstDoc,
            end: range.endDoc - firstDoc,
          }),
        ),
      noDocuments,
    );
  }

  pageOf(document: number): number {
    return lowerBound(this.#starts, document + 1, this.#starts.length) - 1;
  }

  #firstPageOf(session: string): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareText(this.sessionOfPage(middle), session) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export const noDocumentsAtAll: Documents = new Documents([]);

/** What removals take away of the documents that are at hand: of a session all below its first kept seq. */
export function goneOf(documents: Documents, removals: ReadonlyMap<string, number>): DocRanges {
  if (removals.size === 0) return noDocs;
  const ranges: DocRange[] = [];
  for (const [session, firstKeptSeq] of removals) {
    ranges.push(...documents.of(session, { endSeq: firstKeptSeq }));
  }
  return joined(ranges);
}

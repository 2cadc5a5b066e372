import { assert, compareText, Pace } from '@tidemark/std';
import { type DocRange, type DocRanges, isWithin, joined, noDocs } from './doc-ranges.ts';
import { blobFlag, cutFlag, type DocumentPage, errorFlag, type PageHead } from './document-page.ts';
import { DocumentLengths } from './length-codes.ts';
import { lowerBound } from './postings.ts';
import { addStatistics, noDocuments, type Statistics, statisticsOf } from './statistics.ts';

/** Whose page it is, and what it holds: decoded only where it is asked for. */
export interface SessionPage {
  readonly session: string;
  readonly bytes: number;
  readonly head: PageHead;
  lengths(): ArrayLike<number>;
  decode(): DocumentPage;
}

/** What a page takes in memory beside its bytes and its name. */
const pageBytes = 256;
/** Columns of so many pages stay decoded: of hits, and of what filters look into. */
const decodedPagesMax = 64;
/** What the columns of a document take once they are decoded. */
const decodedBytes = 29;
/** Documents whose lengths are read in one go: about a millisecond. */
const stepDocuments = 128 * 1_024;

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
  readonly #lengths: DocumentLengths;
  readonly #pages: readonly SessionPage[];
  readonly #starts: Uint32Array;
  /** The least recently used first. */
  readonly #decoded = new Map<number, DocumentPage>();
  readonly #counts: { readonly cut: number; readonly blobs: number };

  private constructor(pages: readonly SessionPage[]) {
    this.#pages = pages;
    const firstDoc = pages[0]?.head.firstDoc ?? 0;
    let endDoc = firstDoc;
    for (const { head } of pages) {
      assert(head.firstDoc === endDoc, 'pages follow one another');
      endDoc += head.count;
    }
    this.range = { firstDoc, endDoc };
    this.#lengths = new DocumentLengths(endDoc - firstDoc);
    this.#starts = Uint32Array.from(pages, ({ head }) => head.firstDoc);
    this.#counts = countsOf(pages);
  }

  static of(pages: readonly SessionPage[]): Documents {
    const documents = new Documents(pages);
    for (const page of pages) documents.#readLengths(page);
    return documents;
  }

  /** Where there may be many, in steps. */
  static async inSteps(
    pages: readonly SessionPage[],
    rest: () => Promise<void>,
  ): Promise<Documents> {
    const documents = new Documents(pages);
    const pace = new Pace(rest, stepDocuments);
    for (const page of pages) {
      documents.#readLengths(page);
      await pace.done(page.head.count);
    }
    return documents;
  }

  #readLengths(page: SessionPage): void {
    this.#lengths.set(page.lengths(), page.head.firstDoc - this.range.firstDoc);
  }

  /** Of the document that is so far behind the first. */
  get lengths(): Uint16Array | Uint32Array {
    return this.#lengths.values;
  }

  /** The same as codes. */
  get lengthCodes(): Uint8Array {
    return this.#lengths.codes;
  }

  get costBytes(): number {
    const stored = this.#pages.reduce(
      (sum, { session, bytes }) => sum + bytes + session.length + pageBytes,
      0,
    );
    const largest = this.#pages.reduce((most, { head }) => Math.max(most, head.count), 0);
    const decoded = Math.min(decodedPagesMax, this.#pages.length) * largest * decodedBytes;
    return stored + this.#lengths.costBytes + decoded;
  }

  get pages(): number {
    return this.#pages.length;
  }

  page(index: number): DocumentPage {
    const page = this.#decoded.get(index) ?? (this.#pages[index] as SessionPage).decode();
    this.#decoded.delete(index);
    this.#decoded.set(index, page);
    for (const oldest of this.#decoded.keys()) {
      if (this.#decoded.size <= decodedPagesMax) break;
      this.#decoded.delete(oldest);
    }
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
    const [first] = ranges;
    const isAll = first?.firstDoc === this.range.firstDoc && first.endDoc === this.range.endDoc;
    if (isAll) return this.#counts;
    return countsOf(this.#pages.filter(({ head }) => isWithin(ranges, head.firstDoc)));
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

  /** The first page that has a document, or one behind it. */
  pageFrom(document: number): number {
    return Math.max(0, this.pageOf(document));
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

export const noDocumentsAtAll: Documents = Documents.of([]);

/** What removals take away of the documents that are at hand: of a session all below its first kept seq. */
export function goneOf(documents: Documents, removals: ReadonlyMap<string, number>): DocRanges {
  if (removals.size === 0) return noDocs;
  const ranges: DocRange[] = [];
  for (const [session, firstKeptSeq] of removals) {
    ranges.push(...documents.of(session, { endSeq: firstKeptSeq }));
  }
  return joined(ranges);
}

function countsOf(pages: readonly SessionPage[]): { readonly cut: number; readonly blobs: number } {
  let cut = 0;
  let blobs = 0;
  for (const { head } of pages) {
    cut += head.cutCount;
    blobs += head.blobCount;
  }
  return { cut, blobs };
}

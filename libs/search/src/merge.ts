// Makes one index of several, without what removals name.
//
// In memory: a page of each source, the length of every document, where documents went, and one term's postings.

import { assert, compareText, textOf } from '@tidemark/std';
import type { Entry } from '@tidemark/tables';
import { DocMap } from './doc-map.ts';
import { type DocumentPage, decodePage, encodePage } from './document-page.ts';
import { Uint32Column } from './growing-arrays.ts';
import { listEntries } from './inversion.ts';
import { ListMerger } from './list-merger.ts';
import { PageBuilder } from './page-builder.ts';
import {
  allLists,
  allPages,
  isRestKey,
  type KeyRange,
  pageKey,
  sessionOfPage,
} from './search-keys.ts';
import { type Statistics, statisticsOf } from './statistics.ts';
import { encodedList } from './stored-lists.ts';

/** Entries of an index within a range of keys, in order. */
export type MergeSource = (range: KeyRange) => AsyncIterable<Entry>;

/** One source as it is read from its beginning to its end. */
class Source {
  readonly map = new DocMap();
  readonly #entriesOf: MergeSource;
  #entries: AsyncIterator<Entry> | undefined;
  head: Entry | undefined;

  constructor(entriesOf: MergeSource) {
    this.#entriesOf = entriesOf;
  }

  async open(range: KeyRange): Promise<void> {
    this.#entries = this.#entriesOf(range)[Symbol.asyncIterator]();
    await this.next();
  }

  async next(): Promise<void> {
    const next = await this.#entries?.next();
    this.head = next === undefined || next.done === true ? undefined : next.value;
  }
}

/** The documents of one session in one source, page after page. */
class SessionHead {
  readonly source: Source;
  readonly #session: string;
  page: DocumentPage;
  at = 0;

  constructor(source: Source, session: string) {
    this.source = source;
    this.#session = session;
    this.page = decodePage(source.head?.value ?? new Uint8Array(0));
  }

  get seq(): number {
    return this.page.seqs[this.at] as number;
  }

  /** Says whether there is another. */
  async next(): Promise<boolean> {
    this.at += 1;
    if (this.at < this.page.count) return true;
    await this.source.next();
    const { head } = this.source;
    if (head === undefined || sessionOfPage(head.key) !== this.#session) return false;
    this.page = decodePage(head.value ?? new Uint8Array(0));
    this.at = 0;
    return true;
  }
}

/** One index of several, entry after entry. */
export class Merge {
  readonly #sources: readonly Source[];
  readonly #removals: ReadonlyMap<string, number>;
  readonly #lengths = new Uint32Column();

  /** No event lies in two of the sources. */
  constructor(sources: readonly MergeSource[], removals: ReadonlyMap<string, number>) {
    this.#sources = sources.map((source) => new Source(source));
    this.#removals = removals;
  }

  /** Of what is left, once all entries were given. */
  get statistics(): Statistics {
    return statisticsOf(this.#lengths.values, { start: 0, end: this.#lengths.length });
  }

  async *entries(): AsyncGenerator<Entry> {
    yield* this.#pages();
    yield* this.#lists();
  }

  async *#pages(): AsyncGenerator<Entry> {
    await Promise.all(this.#sources.map((source) => source.open(allPages)));
    for (;;) {
      const session = this.#leastSession();
      if (session === undefined) return;
      yield* this.#pagesOf(session);
    }
  }

  #leastSession(): string | undefined {
    let least: string | undefined;
    for (const { head } of this.#sources) {
      if (head === undefined) continue;
      const session = sessionOfPage(head.key);
      if (least === undefined || compareText(session, least) < 0) least = session;
    }
    return least;
  }

  async *#pagesOf(session: string): AsyncGenerator<Entry> {
    const builder = new PageBuilder();
    const firstKeptSeq = this.#removals.get(session) ?? 0;
    let number = 0;
    const take = (): Entry => {
      const key = pageKey(session, number);
      number += 1;
      return { key, value: encodePage(builder.take()) };
    };
    let lastSeq = -1;
    for await (const { source, page, at, seq } of this.#inOrder(session)) {
      assert(seq > lastSeq, 'an event lies in one index');
      lastSeq = seq;
      if (seq < firstKeptSeq) continue;
      const document = this.#lengths.length;
      source.map.add(page.firstDoc + at, document);
      this.#lengths.push(page.lengths[at] as number);
      builder.add(document, page, at);
      if (builder.isFull) yield take();
    }
    if (!builder.isEmpty) yield take();
  }

  /** The documents of a session by seq. */
  async *#inOrder(session: string): AsyncGenerator<SessionHead> {
    const isOfSession = ({ head }: Source): boolean =>
      head !== undefined && sessionOfPage(head.key) === session;
    const heads = this.#sources
      .filter(isOfSession)
      .map((source) => new SessionHead(source, session));
    while (heads.length > 0) {
      const least = heads.reduce((one, other) => (other.seq < one.seq ? other : one));
      yield least;
      if (!(await least.next())) heads.splice(heads.indexOf(least), 1);
    }
  }

  async *#lists(): AsyncGenerator<Entry> {
    await Promise.all(this.#sources.map((source) => source.open(allLists)));
    const merger = new ListMerger(this.#lengths.values);
    for (;;) {
      const key = this.#leastKey();
      if (key === undefined) return;
      for (const source of this.#sources) {
        const { head } = source;
        if (head?.value === undefined || Buffer.compare(head.key, key) !== 0) continue;
        await source.next();
        const rest =
          source.head !== undefined && isRestKey(source.head.key) ? source.head : undefined;
        merger.add(encodedList(head.value, rest?.value), source.map);
        if (rest !== undefined) await source.next();
      }
      const merged = merger.take();
      if (merged.df > 0) yield* listEntries(textOf(key), merged);
    }
  }

  #leastKey(): Uint8Array | undefined {
    let least: Uint8Array | undefined;
    for (const { head } of this.#sources) {
      if (head === undefined) continue;
      if (least === undefined || Buffer.compare(head.key, least) < 0) least = head.key;
    }
    return least;
  }
}

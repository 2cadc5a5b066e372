// Reads search tables for queries.
//
// (1) A cold query costs two rounds of requests: the ends of all tables, then whatever it needs of their blocks,
//     all at once. Nothing that is read says what else has to be read.
// (2) A table that holds nothing of the session that is searched gives its statistics and document frequencies,
//     and no postings.
// (3) Documents that removals name are gone from the statistics as well: the documents themselves say how many and how
//     long they are, the postings in their range how many of them have a term.

import { Problem } from '@tidemark/protocol';
import { BlockCache, type Entry, type TableRef, type TableStore } from '@tidemark/tables';
import { type DocRanges, joined, noDocs } from './doc-ranges.ts';
import { Documents, noDocumentsAtAll } from './documents.ts';
import type { EncodedList } from './postings.ts';
import {
  allPages,
  formPrefix,
  type KeyRange,
  listKey,
  listsFrom,
  pageKey,
  pagesOf,
  restKey,
  termPrefix,
} from './search-keys.ts';
import type { SearchTable } from './search-table.ts';
import { type Need, type Segment, termPostings, unionOf } from './segment.ts';
import { addStatistics, noDocuments, type Statistics } from './statistics.ts';
import { encodedList, listsIn, storedPage } from './stored-lists.ts';

/** Of sessions that were trimmed or erased, the first seq that is kept. The same map as long as nothing changes. */
export type Removals = ReadonlyMap<string, number>;

export interface LoadOptions {
  readonly need: Need;
  readonly removals: Removals;
  readonly signal: AbortSignal;
}

interface Gone {
  readonly ranges: DocRanges;
  readonly statistics: Statistics;
}

interface SessionGone extends Gone {
  readonly firstKeptSeq: number;
}

const nothingGone: Gone = { ranges: noDocs, statistics: noDocuments };

export class SearchTableReader {
  readonly #tables: TableStore;
  /** Documents of tables, decoded. */
  readonly #documents: BlockCache;
  /** What removals take from a table: by session, as long as the table is in use ... */
  readonly #goneOfSession = new WeakMap<SearchTable, Map<string, SessionGone>>();
  /** ... and together, as long as nothing else is removed. */
  readonly #gone = new WeakMap<SearchTable, { readonly removals: Removals; readonly gone: Gone }>();

  constructor(tables: TableStore, settings: { readonly documentsBytesMax: number }) {
    this.#tables = tables;
    this.#documents = new BlockCache(settings.documentsBytesMax);
  }

  get cachedBytes(): number {
    return this.#tables.cachedBytes + this.#documents.bytes;
  }

  async load(table: SearchTable, options: LoadOptions): Promise<Segment> {
    try {
      return await this.#load(table, options);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new Problem('corrupt', 'a part of a search table does not decode', { cause });
    }
  }

  async #load(table: SearchTable, options: LoadOptions): Promise<Segment> {
    const { need, signal } = options;
    const has = await this.#filterOf(table, signal);
    const isSearched = need.session === undefined || has(need.session);
    const [documents, gone, lists, prefixes] = await Promise.all([
      isSearched ? this.#documentsOf(table, need.session, signal) : noDocumentsAtAll,
      this.#goneOf(table, options, has),
      this.#listsOf(table, options, { withRests: isSearched || options.removals.size > 0 }),
      isSearched ? this.#prefixesOf(table, options) : [],
    ]);
    const { range } = documents;
    return {
      statistics: addStatistics(table, gone.statistics, -1),
      documents,
      searched: range.firstDoc === range.endDoc ? noDocs : [range],
      gone: gone.ranges,
      terms: lists.map((encoded) => {
        if (encoded === undefined || isSearched || gone.ranges.length > 0) {
          return termPostings(encoded, gone.ranges);
        }
        return { df: encoded.df, list: undefined };
      }),
      prefixes: prefixes.map((found) => unionOf(found, { documents })),
    };
  }

  /** Whether a table may have a session: nothing is read for that but its end. */
  async #filterOf(
    { run }: SearchTable,
    signal: AbortSignal,
  ): Promise<(session: string) => boolean> {
    const metas = await Promise.all(run.map((ref) => this.#tables.meta(ref, signal)));
    return (session) => {
      const key = pageKey(session, 0);
      return run.some((ref, at) => covers(ref, key) && metas[at]?.filter.mayHave(key) === true);
    };
  }

  #documentsOf(
    table: SearchTable,
    session: string | undefined,
    signal: AbortSignal,
  ): Promise<Documents> {
    const range = session === undefined ? allPages : pagesOf(session);
    return this.#documents.load(`${nameOf(table)} ${session ?? ''}`, async () => {
      const entries = await this.#range(table, range, signal);
      const value = new Documents(entries.map(storedPage));
      return { value, bytes: value.costBytes };
    });
  }

  async #goneOf(
    table: SearchTable,
    { removals, signal }: LoadOptions,
    has: (session: string) => boolean,
  ): Promise<Gone> {
    if (removals.size === 0) return nothingGone;
    const found = this.#gone.get(table);
    if (found?.removals === removals) return found.gone;
    const known = this.#goneOfSession.get(table) ?? new Map<string, SessionGone>();
    this.#goneOfSession.set(table, known);
    const parts = await Promise.all(
      Array.from(removals, async ([session, firstKeptSeq]): Promise<Gone> => {
        const before = known.get(session);
        if (before?.firstKeptSeq === firstKeptSeq) return before;
        if (!has(session)) return nothingGone;
        const documents = await this.#documentsOf(table, session, signal);
        const ranges = documents.of(session, { endSeq: firstKeptSeq });
        const part = { firstKeptSeq, ranges, statistics: documents.statisticsOf(ranges) };
        known.set(session, part);
        return part;
      }),
    );
    const gone = {
      ranges: joined(parts.flatMap(({ ranges }) => ranges)),
      statistics: parts.reduce((sum, part) => addStatistics(sum, part.statistics), noDocuments),
    };
    this.#gone.set(table, { removals, gone });
    return gone;
  }

  async #listsOf(
    table: SearchTable,
    { need, signal }: LoadOptions,
    { withRests }: { readonly withRests: boolean },
  ): Promise<readonly (EncodedList | undefined)[]> {
    const keys = need.terms.flatMap((term) =>
      withRests ? [listKey(term), restKey(term)] : [listKey(term)],
    );
    const found = await this.#lookUp(table, keys, signal);
    const step = withRests ? 2 : 1;
    return need.terms.map((_, at) => {
      const head = found.get(keys[step * at] as Uint8Array);
      const rest = withRests ? found.get(keys[step * at + 1] as Uint8Array) : undefined;
      return head === undefined ? undefined : encodedList(head, rest);
    });
  }

  #prefixesOf(
    table: SearchTable,
    { need, signal }: LoadOptions,
  ): Promise<readonly (readonly EncodedList[])[]> {
    return Promise.all(
      need.prefixes.map(async (prefix) => {
        const found = await Promise.all(
          [termPrefix, formPrefix].map((space) =>
            this.#range(table, listsFrom(`${space}${prefix}`), signal),
          ),
        );
        return found.flatMap((entries) => listsIn(entries));
      }),
    );
  }

  async #lookUp(
    { run }: SearchTable,
    keys: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Uint8Array, Uint8Array>> {
    const found = new Map<Uint8Array, Uint8Array>();
    await Promise.all(
      run.map(async (ref) => {
        const asked = keys.filter((key) => covers(ref, key));
        if (asked.length === 0) return;
        for (const [key, value] of await this.#tables.lookUp(ref, asked, signal)) {
          if (value !== undefined) found.set(key, value);
        }
      }),
    );
    return found;
  }

  async #range({ run }: SearchTable, range: KeyRange, signal: AbortSignal): Promise<Entry[]> {
    const parts = await Promise.all(
      run
        .filter((ref) => overlaps(ref, range))
        .map((ref) => this.#tables.range(ref, range, signal)),
    );
    return parts.flat();
  }
}

const nameOf = ({ run }: SearchTable): string => run[0]?.name ?? '';

const compareKey = (text: string, key: Uint8Array): number =>
  Buffer.compare(Buffer.from(text), key);

const covers = ({ first, last }: TableRef, key: Uint8Array): boolean =>
  compareKey(first, key) <= 0 && compareKey(last, key) >= 0;

const overlaps = ({ first, last }: TableRef, { from, end }: KeyRange): boolean =>
  compareKey(first, end) < 0 && compareKey(last, from) >= 0;

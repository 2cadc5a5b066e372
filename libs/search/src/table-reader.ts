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
import { ListDecoder } from './list-decoder.ts';
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
import { type Need, type Segment, type TermPostings, termPostings, unionOf } from './segment.ts';
import { addStatistics, noDocuments, type Statistics } from './statistics.ts';
import { encodedList, listsIn, storedPage } from './stored-lists.ts';
import { topsOf } from './window-tops.ts';
import type { WindowedList } from './windowed-list.ts';

/** Of sessions that were trimmed or erased, the first seq that is kept. The same map as long as nothing changes. */
export type Removals = ReadonlyMap<string, number>;

export interface LoadOptions {
  readonly need: Need;
  readonly removals: Removals;
  /** Others have their turn: behind each step of what takes long. */
  readonly rest: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** Of blocks of tables, which come again for other terms; the list of a block to itself is kept decoded. */
const keptBytesMax = 64 * 1_024;

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
  /** Documents of tables and lists of terms, decoded. */
  readonly #decoded: BlockCache;
  /** What removals take from a table: by session, as long as the table is in use ... */
  readonly #goneOfSession = new WeakMap<SearchTable, Map<string, SessionGone>>();
  /** ... and together, as long as nothing else is removed. */
  readonly #gone = new WeakMap<SearchTable, { readonly removals: Removals; readonly gone: Gone }>();

  constructor(tables: TableStore, settings: { readonly decodedBytesMax: number }) {
    this.#tables = tables;
    this.#decoded = new BlockCache(settings.decodedBytesMax);
  }

  get decodedBytes(): number {
    return this.#decoded.bytes;
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
      isSearched ? this.#documentsOf(table, need.session, options) : noDocumentsAtAll,
      this.#goneOf(table, options, has),
      this.#termsOf(table, options, { withRests: isSearched || options.removals.size > 0 }),
      isSearched ? this.#prefixesOf(table, options) : [],
    ]);
    if (need.session === undefined) await this.#boundWindows(lists, documents, options);
    const { range } = documents;
    return {
      statistics: addStatistics(table, gone.statistics, -1),
      documents,
      searched: range.firstDoc === range.endDoc ? noDocs : [range],
      gone: gone.ranges,
      terms: lists.map((counted) => {
        if (counted?.list === undefined) return counted;
        return termPostings(counted.list, gone.ranges);
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
    { rest, signal }: LoadOptions,
  ): Promise<Documents> {
    const range = session === undefined ? allPages : pagesOf(session);
    return this.#decoded.load(`d${nameOf(table)} ${session ?? ''}`, async () => {
      const entries = await this.#range(table, { ...range, isOnce: true }, signal);
      const value = await Documents.inSteps(entries.map(storedPage), rest);
      return { value, bytes: value.costBytes };
    });
  }

  async #goneOf(
    table: SearchTable,
    options: LoadOptions,
    has: (session: string) => boolean,
  ): Promise<Gone> {
    const { removals } = options;
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
        const documents = await this.#documentsOf(table, session, options);
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

  /** Of the need's terms. Without the rests of their lists, those that are not at hand are only counted. */
  async #termsOf(
    table: SearchTable,
    { need, rest, signal }: LoadOptions,
    { withRests }: { readonly withRests: boolean },
  ): Promise<readonly (TermPostings | undefined)[]> {
    const nameIn = (term: string): string => `l${nameOf(table)} ${term}`;
    const known = new Map<string, TermPostings>();
    for (const term of need.terms) {
      const list = this.#decoded.get<WindowedList>(nameIn(term));
      if (list !== undefined) known.set(term, { df: list.df, list });
    }
    const missing = need.terms.filter((term) => !known.has(term));
    const lists = await this.#lookUpLists(table, missing, { withRests, signal });
    for (const [term, encoded] of lists) {
      if (!withRests) {
        known.set(term, { df: encoded.df, list: undefined });
        continue;
      }
      const list = await decodeInSteps(encoded, rest);
      this.#decoded.set(nameIn(term), list, list.costBytes);
      known.set(term, { df: list.df, list });
    }
    return need.terms.map((term) => known.get(term));
  }

  /** Of lists that nobody has searched with all documents at hand. */
  async #boundWindows(
    lists: readonly (TermPostings | undefined)[],
    documents: Documents,
    { rest }: LoadOptions,
  ): Promise<void> {
    for (const counted of lists) {
      const list = counted?.list;
      if (list !== undefined) list.tops ??= await topsOf(list, documents, rest);
    }
  }

  async #lookUpLists(
    table: SearchTable,
    terms: readonly string[],
    { withRests, signal }: { readonly withRests: boolean; readonly signal: AbortSignal },
  ): Promise<ReadonlyMap<string, EncodedList>> {
    const wanted = terms.map((term) => ({ term, head: listKey(term), rest: restKey(term) }));
    const keys = wanted.flatMap(({ head, rest }) => (withRests ? [head, rest] : [head]));
    const found = await this.#lookUp(table, keys, signal);
    const lists = new Map<string, EncodedList>();
    for (const { term, head, rest } of wanted) {
      const value = found.get(head);
      if (value !== undefined) lists.set(term, encodedList(value, found.get(rest)));
    }
    return lists;
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
        const entries = await this.#tables.lookUp(ref, { keys: asked, keptBytesMax }, signal);
        for (const [key, value] of entries) if (value !== undefined) found.set(key, value);
      }),
    );
    return found;
  }

  async #range(
    { run }: SearchTable,
    range: KeyRange & { readonly isOnce?: boolean },
    signal: AbortSignal,
  ): Promise<Entry[]> {
    const parts = await Promise.all(
      run
        .filter((ref) => overlaps(ref, range))
        .map((ref) => this.#tables.range(ref, range, signal)),
    );
    return parts.flat();
  }
}

async function decodeInSteps(
  encoded: EncodedList,
  rest: () => Promise<void>,
): Promise<WindowedList> {
  const decoder = new ListDecoder(encoded);
  while (decoder.step()) await rest();
  return decoder.take();
}

const nameOf = ({ run }: SearchTable): string => run[0]?.name ?? '';

const compareKey = (text: string, key: Uint8Array): number =>
  Buffer.compare(Buffer.from(text), key);

const covers = ({ first, last }: TableRef, key: Uint8Array): boolean =>
  compareKey(first, key) <= 0 && compareKey(last, key) >= 0;

const overlaps = ({ first, last }: TableRef, { from, end }: KeyRange): boolean =>
  compareKey(first, end) < 0 && compareKey(last, from) >= 0;

import type { DocumentFacts } from './documents.ts';
import type { Filter } from './filters.ts';
import type { SearchTable } from './search-table.ts';
import type { SearchTail } from './search-tail.ts';
import type { Removals, SearchTableReader } from './table-reader.ts';

export interface SearchPlace {
  readonly session: string;
  readonly seq: number;
}

/** The JSON of events, in the order of the places; undefined for one that is no longer there. */
export type EventLoader = (
  places: readonly SearchPlace[],
  signal: AbortSignal,
) => Promise<readonly (Uint8Array | string | undefined)[]>;

export interface SearchSources {
  readonly reader: SearchTableReader;
  readonly tables: readonly SearchTable[];
  readonly tail?: Pick<SearchTail, 'segments' | 'missed'>;
  readonly removals?: Removals;
  /** Others have their turn: behind each step of a long search. */
  readonly rest: () => Promise<void>;
  /** Phrases are looked for in the events themselves. */
  readonly load?: EventLoader;
}

export interface SearchRequest {
  readonly query: string;
  readonly filters?: readonly Filter[];
  /** Only its events. */
  readonly session?: string;
  readonly hitsMax: number;
  readonly cursor?: string;
}

export interface SearchHit extends SearchPlace, DocumentFacts {
  readonly score: number;
}

export interface SessionHits {
  readonly best: SearchHit;
  /** Of a query with a phrase, nobody has counted them. */
  readonly hits: number | undefined;
}

/** What a search did not look into, so that nobody takes silence for absence. */
export interface NotSearched {
  /** Events that are longer than what is indexed of one: hits may lie in the rest. */
  readonly cutEvents: number;
  /** Events of which something is no text: images, files, encoded bytes. */
  readonly blobEvents: number;
  /** Events that are in no index yet: at most so many. */
  readonly missedEvents: number;
  /** Words of the query that are in nearly every event. */
  readonly ignoredWords: readonly string[];
  /** Events with the words of the phrase were left unread: there may be more on the next page. */
  readonly isPhraseCut: boolean;
}

export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  readonly nextCursor: string | undefined;
  readonly notSearched: NotSearched;
}

export interface GroupedAnswer {
  readonly sessions: readonly SessionHits[];
  readonly nextCursor: string | undefined;
  readonly notSearched: NotSearched;
}

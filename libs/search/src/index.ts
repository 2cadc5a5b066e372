export { analysisVersion } from './analysis.ts';
export { Analyzer, type SearchEvent } from './document.ts';
export type { Filter } from './filters.ts';
export { type MergeOptions, mergeSearchTables } from './merge-search-tables.ts';
export { parseQuery, type Query } from './query.ts';
export { search, searchSessions } from './search.ts';
export { searchLimits } from './search-limits.ts';
export type {
  EventLoader,
  GroupedAnswer,
  NotSearched,
  SearchAnswer,
  SearchHit,
  SearchPlace,
  SearchRequest,
  SearchSources,
  SessionHits,
} from './search-request.ts';
export { type SearchTable, SearchTableWriter, type WriteParts } from './search-table.ts';
export { SearchTail, type TailEvent } from './search-tail.ts';
export { nameOfSession, sessionKey } from './session-key.ts';
export { type Snippet, snippetOf, type TextRange } from './snippet.ts';
export { type Removals, SearchTableReader } from './table-reader.ts';

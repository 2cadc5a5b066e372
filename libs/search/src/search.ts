// One search: over tables and a tail, over everything or in one session.
//
// (1) What the tail has is taken as it is when the search begins, before anything is waited for.
// (2) Statistics are those of everything, also for one session, so that a score means the same everywhere.
// (3) An answer says what it did not look into.

import { type Found, rankOf } from './ranking.ts';
import type {
  GroupedAnswer,
  SearchAnswer,
  SearchHit,
  SearchRequest,
  SearchSources,
} from './search-request.ts';
import { SearchRun } from './search-run.ts';

/** The best events. Throws a Problem on a query or a cursor that cannot be understood. */
export async function search(
  sources: SearchSources,
  request: SearchRequest,
  signal: AbortSignal,
): Promise<SearchAnswer> {
  const { hitsMax } = request;
  const run = await SearchRun.open(sources, { ...request, kind: 'events' }, signal);
  const { found, readTo } = await run.best(hitsMax);
  return {
    hits: found.slice(0, hitsMax).map(hitOf),
    nextCursor: run.nextCursor(found, hitsMax, readTo),
    notSearched: run.notSearched(readTo),
  };
}

/** The best event of each session, and how many hits it has. */
export async function searchSessions(
  sources: SearchSources,
  request: SearchRequest,
  signal: AbortSignal,
): Promise<GroupedAnswer> {
  const { hitsMax } = request;
  const run = await SearchRun.open(sources, { ...request, kind: 'sessions' }, signal);
  const { found, readTo } = await run.bestOfSessions(hitsMax);
  const best = found.map((group) => group.best);
  return {
    sessions: found.slice(0, hitsMax).map((group) => ({ ...group, best: hitOf(group.best) })),
    nextCursor: found.length > hitsMax ? run.nextCursor(best, hitsMax, undefined) : undefined,
    notSearched: run.notSearched(readTo),
  };
}

const hitOf = (found: Found): SearchHit => ({
  ...rankOf(found),
  ...found.segment.documents.factsOf(found.document),
});

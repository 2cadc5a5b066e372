import { assert } from '@tidemark/std';
import { analysisVersion } from './analysis.ts';
import { type GlobalStatistics, globalStatistics } from './bm25.ts';
import { joined } from './doc-ranges.ts';
import { hasPhrases } from './phrases.ts';
import { parseQuery, type Query } from './query.ts';
import {
  BestHits,
  BestOfSessions,
  type Found,
  type Group,
  isBehind,
  type Rank,
  rankOf,
} from './ranking.ts';
import { cursorText, parseSearchCursor } from './search-cursor.ts';
import { searchLimits } from './search-limits.ts';
import type { NotSearched, SearchRequest, SearchSources } from './search-request.ts';
import type { Segment } from './segment.ts';
import { type Collector, isScored, SegmentSearch, WindowSpace } from './segment-search.ts';
import type { Removals } from './table-reader.ts';
import { TermWeights } from './term-weights.ts';

const noRemovals: Removals = new Map();
/** Events that are read at once to look for a phrase. */
const phraseBatch = 64;
/** Postings that are added in one go: two or three milliseconds. */
const stepWork = 1_000_000;

interface Hits<T> {
  /** One more than were asked for, where there are more. */
  readonly found: readonly T[];
  /** Not all events that may have a phrase were read: those up to here were. */
  readonly readTo: Rank | undefined;
}

/** One query, and everything that it needs in memory. */
export class SearchRun {
  readonly #sources: SearchSources;
  readonly #query: Query;
  readonly #segments: readonly Segment[];
  readonly #statistics: GlobalStatistics;
  readonly #after: Rank | undefined;
  readonly #asked: string;
  readonly #missedEvents: number;
  readonly #signal: AbortSignal;

  private constructor(parts: {
    readonly sources: SearchSources;
    readonly query: Query;
    readonly segments: readonly Segment[];
    readonly statistics: GlobalStatistics;
    readonly after: Rank | undefined;
    readonly asked: string;
    readonly missedEvents: number;
    readonly signal: AbortSignal;
  }) {
    this.#sources = parts.sources;
    this.#query = parts.query;
    this.#segments = parts.segments;
    this.#statistics = parts.statistics;
    this.#after = parts.after;
    this.#asked = parts.asked;
    this.#missedEvents = parts.missedEvents;
    this.#signal = parts.signal;
  }

  static async open(
    sources: SearchSources,
    request: SearchRequest & { readonly kind: 'events' | 'sessions' },
    signal: AbortSignal,
  ): Promise<SearchRun> {
    const { reader, tail, tables, rest, removals = noRemovals } = sources;
    const { session, kind, filters, hitsMax } = request;
    assert(hitsMax >= 1 && hitsMax <= searchLimits.hitsMax, 'a page of hits');
    const query = parseQuery(request.query, filters);
    const asked = JSON.stringify([kind, request.query, filters, session]);
    const cursor =
      request.cursor === undefined
        ? undefined
        : parseSearchCursor(request.cursor, { asked, terms: query.terms.length });
    const need = { terms: query.terms, prefixes: query.prefixes, session };
    const hot = tail?.segments(need) ?? [];
    const missed = tail?.missed ?? 0;
    const known = tables.filter(({ analysis }) => analysis === analysisVersion);
    const others = tables.filter((table) => !known.includes(table));
    const load = known
      .filter(({ run }) => run.length > 0)
      .map((table) => reader.load(table, { need, removals, rest, signal }));
    const segments = [...(await Promise.all(load)), ...hot];
    return new SearchRun({
      sources,
      query,
      segments,
      statistics: cursor?.statistics ?? globalStatistics(segments, query.terms.length),
      after: cursor?.rank,
      asked,
      missedEvents: others.reduce((sum, { documents }) => sum + documents, missed),
      signal,
    });
  }

  async best(count: number): Promise<Hits<Found>> {
    if (this.#query.phrases.length > 0) return this.#withPhrases(count + 1);
    return { found: await this.#ranked(count + 1, this.#after), readTo: undefined };
  }

  async bestOfSessions(count: number): Promise<Hits<Group>> {
    if (this.#query.phrases.length > 0) return this.#sessionsWithPhrases(count + 1);
    const collector = new BestOfSessions();
    await this.#collect(collector, undefined);
    return { found: collector.inOrder(count + 1, this.#after), readTo: undefined };
  }

  /** Behind the last hit of a page, or behind the last event that was read for a phrase. */
  nextCursor(found: readonly Found[], count: number, readTo: Rank | undefined): string | undefined {
    const last = found.length > count ? found[count - 1] : undefined;
    const rank = last === undefined ? readTo : rankOf(last);
    if (rank === undefined) return undefined;
    return cursorText({ rank, statistics: this.#statistics }, this.#asked);
  }

  notSearched(readTo: Rank | undefined): NotSearched {
    const counts = this.#segments.map(({ documents, searched }) => documents.countsOf(searched));
    return {
      cutEvents: counts.reduce((sum, { cut }) => sum + cut, 0),
      blobEvents: counts.reduce((sum, { blobs }) => sum + blobs, 0),
      missedEvents: this.#missedEvents,
      ignoredWords: this.#query.ignored,
      isPhraseCut: readTo !== undefined,
    };
  }

  async #ranked(count: number, after: Rank | undefined): Promise<Found[]> {
    const collector = new BestHits(count, after);
    await this.#collect(collector, after);
    return collector.inOrder();
  }

  async #collect(collector: Collector, after: Rank | undefined): Promise<void> {
    let work = 0;
    const weights = new TermWeights(this.#query, this.#statistics);
    const space = new WindowSpace();
    const isByPlace = !isScored(this.#query) && after !== undefined;
    for (const segment of this.#segments) {
      const searched = isByPlace ? behind(segment, after) : segment;
      const found = new SegmentSearch(searched, this.#query, { weights, space, collector });
      for (const taken of found.windows()) {
        work += taken;
        if (work < stepWork) continue;
        work = 0;
        await this.#sources.rest();
      }
    }
  }

  async #withPhrases(count: number): Promise<Hits<Found>> {
    const found: Found[] = [];
    let readTo = this.#after;
    for (let read = 0; read < searchLimits.phraseCandidatesMax; read += phraseBatch) {
      const candidates = await this.#ranked(phraseBatch, readTo);
      found.push(...(await this.#verified(candidates)));
      const isDone = candidates.length < phraseBatch || found.length >= count;
      if (isDone) return { found: found.slice(0, count), readTo: undefined };
      readTo = rankOf(candidates.at(-1) as Found);
    }
    return { found, readTo };
  }

  /** Each session once, where its best hit stands: so every page begins at the first hit of all. */
  async #sessionsWithPhrases(count: number): Promise<Hits<Group>> {
    const groups = new Map<string, Group>();
    const isBehindCursor = ({ best }: Group): boolean =>
      this.#after === undefined || isBehind(best, this.#after);
    let readTo: Rank | undefined;
    for (let read = 0; read < searchLimits.phraseCandidatesMax; read += phraseBatch) {
      const candidates = await this.#ranked(phraseBatch, readTo);
      for (const best of await this.#verified(candidates)) {
        const { session } = rankOf(best);
        if (!groups.has(session)) groups.set(session, { best, hits: undefined });
      }
      const found = [...groups.values()].filter(isBehindCursor);
      const isDone = candidates.length < phraseBatch || found.length >= count;
      if (isDone) return { found: found.slice(0, count), readTo: undefined };
      readTo = rankOf(candidates.at(-1) as Found);
    }
    return { found: [...groups.values()].filter(isBehindCursor), readTo };
  }

  /** Those whose events have the phrases. */
  async #verified(candidates: readonly Found[]): Promise<Found[]> {
    const { load } = this.#sources;
    assert(load !== undefined, 'phrases need the events');
    if (candidates.length === 0) return [];
    const bodies = await load(candidates.map(rankOf), this.#signal);
    return candidates.filter((_, at) => {
      const body = bodies[at];
      return body !== undefined && hasPhrases(body, this.#query.phrases);
    });
  }
}

/** The documents of a segment behind a place. */
function behind(segment: Segment, after: Rank): Segment {
  const first = segment.documents.firstBehind(after);
  const searched = segment.searched.map(({ firstDoc, endDoc }) => ({
    firstDoc: Math.max(firstDoc, first),
    endDoc,
  }));
  return { ...segment, searched: joined(searched) };
}

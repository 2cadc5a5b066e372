// Search: over a tenant, and in one session with what stands around a hit.

import { type Edge, type EdgeRequest, parameterOf, parseNatural, queryOf } from '@tidemark/edge';
import { limits, Problem, type SessionName, timestampText } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import {
  nameOfSession,
  parseQuery,
  type Query,
  type SearchHit,
  sessionKey,
  snippetOf,
} from '@tidemark/search';
import { isRedacted } from '@tidemark/session';
import { type SessionSearch, sessionNameIn } from '@tidemark/session-search';
import { type Fields, idOfTold, parseLimit, toldEvent } from '@tidemark/sessions-api';
import { textOf } from '@tidemark/std';
import { type ReadParts, StreamView } from '../stream-view.ts';
import type { SessionReadParts } from './parts.ts';

export interface SearchParts extends SessionReadParts {
  readonly search: SessionSearch;
}

const limitBounds = { fallback: 20, max: 100 };
const contextMax = 20;
/** About so many characters are a token, in any tongue that matters here. */
const charsPerToken = 4;

interface Asked {
  readonly query: string;
  readonly hitsMax: number;
  readonly cursor: string | undefined;
}

function askedIn(query: URLSearchParams): Asked {
  return {
    query: parameterOf(query, 'q') ?? '',
    hitsMax: parseLimit(parameterOf(query, 'limit'), limitBounds),
    cursor: parameterOf(query, 'page'),
  };
}

const requestOf = ({
  query,
  hitsMax,
  cursor,
}: Asked): { query: string; hitsMax: number; cursor?: string } =>
  cursor === undefined ? { query, hitsMax } : { query, hitsMax, cursor };

export function addSearch(edge: Edge, parts: SearchParts): void {
  edge.get('/v1/search', async (request, reply) => {
    const tenant = await parts.tenancy.tenantOf(request);
    const query = queryOf(request.raw.url ?? '');
    const isGrouped = parameterOf(query, 'group') === 'session';
    const asked = askedIn(query);
    return reply
      .header('cache-control', 'no-store')
      .send(isGrouped ? await grouped(parts, tenant, asked) : await flat(parts, tenant, asked));
  });
}

async function flat(parts: SearchParts, tenant: Tenant, asked: Asked): Promise<Fields> {
  const signal = new AbortController().signal;
  const answer = await parts.search.search(tenant, requestOf(asked), signal);
  const query = parseQuery(asked.query);
  const data = await Promise.all(
    answer.hits.map((hit) => hitObject(parts, tenant, { hit, query })),
  );
  return {
    data: data.filter((hit) => hit !== undefined),
    next_page: answer.nextCursor ?? null,
    not_searched: notSearched(answer.notSearched),
  };
}

async function grouped(parts: SearchParts, tenant: Tenant, asked: Asked): Promise<Fields> {
  const signal = new AbortController().signal;
  const answer = await parts.search.searchSessions(tenant, requestOf(asked), signal);
  const query = parseQuery(asked.query);
  const data = await Promise.all(
    answer.sessions.map(async ({ best, hits }) => {
      const object = await hitObject(parts, tenant, { hit: best, query });
      return object && { session_id: object['session_id'], hits: hits ?? null, best: object };
    }),
  );
  return {
    data: data.filter((session) => session !== undefined),
    next_page: answer.nextCursor ?? null,
    not_searched: notSearched(answer.notSearched),
  };
}

const notSearched = (told: {
  readonly cutEvents: number;
  readonly blobEvents: number;
  readonly missedEvents: number;
  readonly ignoredWords: readonly string[];
  readonly isPhraseCut: boolean;
}): Fields => ({
  cut_events: told.cutEvents,
  events_with_blobs: told.blobEvents,
  missed_events: told.missedEvents,
  ignored_words: told.ignoredWords,
  phrase_cut: told.isPhraseCut,
});

/** With the piece of its event that shows why; undefined where it has gone meanwhile. */
async function hitObject(
  parts: SearchParts,
  tenant: Tenant,
  { hit, query }: { readonly hit: SearchHit; readonly query: Query },
): Promise<Fields | undefined> {
  const name = sessionNameIn(tenant, nameOfSession(hit.session)) as SessionName;
  const opened = await openHit(parts, tenant, { name, session: hit.session });
  if (opened === undefined) return undefined;
  using view = opened;
  if (isGone(view, hit.seq)) return undefined;
  const [event] = await toldBetween(parts, view, [hit.seq, hit.seq + 1]);
  if (event === undefined) return undefined;
  const { text, highlights } = snippetOf(event, query);
  return {
    session_id: name,
    seq: hit.seq,
    event_id: idOfTold(event),
    type: hit.type,
    tool: hit.tool === '' ? null : hit.tool,
    is_error: hit.isError,
    processed_at: hit.timeMs === 0 ? null : timestampText(hit.timeMs),
    score: hit.score,
    snippet: text,
    highlights: highlights.map(({ start, end }) => [start, end]),
  };
}

async function openHit(
  parts: ReadParts,
  tenant: Tenant,
  { name, session }: { readonly name: SessionName; readonly session: string },
): Promise<StreamView | undefined> {
  try {
    const view = await StreamView.open(parts, tenant, { name, mustBeCurrent: false });
    if (sessionKey(nameOfSession(session), view.incarnation) === session) return view;
    view[Symbol.dispose]();
    return undefined;
  } catch (cause) {
    if (cause instanceof Problem && cause.kind.status === 404) return undefined;
    throw cause;
  }
}

/** What was redacted, or is kept no more, is found by no word, though an index has it still. */
const isGone = ({ present }: StreamView, seq: number): boolean =>
  seq < present.aspects.keeping.head.seq || isRedacted(present.aspects.keeping, seq);

async function toldBetween(
  { shards }: ReadParts,
  view: StreamView,
  [firstSeq, endSeq]: readonly [number, number],
): Promise<readonly Uint8Array[]> {
  const end = Math.min(endSeq, view.present.tailSeq);
  const told: Uint8Array[] = [];
  for (let seq = Math.max(0, firstSeq); seq < end; ) {
    const bounds = { position: seq, bytesMax: limits.readBytesMax, eventsMax: end - seq };
    const range =
      shards.reader.readHot(view.session, bounds) ??
      (await shards.reader.read(view.source, bounds));
    for (const body of range.split()) {
      told.push(toldEvent(view.present, seq, body));
      seq += 1;
    }
  }
  return told;
}

/**
 * `?q=` of a session's events: those that were found, the best first; with `context` in their order, and
 * with what stands around each, as far as `max_tokens` goes.
 */
export async function searchEvents(
  parts: SearchParts,
  tenant: Tenant,
  { view, request }: { readonly view: StreamView; readonly request: EdgeRequest },
): Promise<Fields> {
  const query = queryOf(request.raw.url ?? '');
  const asked = askedIn(query);
  const context = numberIn(query, 'context', contextMax) ?? 0;
  const tokensMax = numberIn(query, 'max_tokens', 1_000_000);
  const { located, incarnation } = view;
  const session = sessionKey(located.key, incarnation);
  const signal = new AbortController().signal;
  const answer = await parts.search.search(tenant, { ...requestOf(asked), session }, signal);
  const parsed = parseQuery(asked.query);
  const data: unknown[] = [];
  const hits: Fields[] = [];
  const taken = new Map<number, unknown>();
  let chars = 0;
  for (const { seq, score, first, around } of await withEvents(parts, view, {
    hits: answer.hits,
    context,
  })) {
    const hit = around[seq - first];
    if (hit === undefined) continue;
    const size = around.reduce((sum, body) => sum + body.length, 0);
    if (tokensMax !== undefined && chars + size > tokensMax * charsPerToken && hits.length > 0)
      break;
    chars += size;
    const { text, highlights } = snippetOf(hit, parsed);
    const marks = highlights.map(({ start, end }) => [start, end]);
    hits.push({ id: idOfTold(hit), seq, score, snippet: text, highlights: marks });
    for (const [index, body] of around.entries())
      taken.set(first + index, JSON.parse(textOf(body)));
    if (context === 0) data.push(taken.get(seq));
  }
  const inOrder = [...taken].sort(([one], [other]) => one - other).map(([, event]) => event);
  return {
    data: context === 0 ? data : inOrder,
    hits,
    next_page: answer.nextCursor ?? null,
    token_estimate: Math.ceil(chars / charsPerToken),
    not_searched: notSearched(answer.notSearched),
  };
}

interface HitEvents {
  readonly seq: number;
  readonly score: number;
  /** The seq of the first event around it. */
  readonly first: number;
  readonly around: readonly Uint8Array[];
}

/** Hits with what stands around each, read at once: one after the other they would wait for one another. */
const withEvents = (
  parts: SearchParts,
  view: StreamView,
  { hits, context }: { readonly hits: readonly SearchHit[]; readonly context: number },
): Promise<readonly HitEvents[]> =>
  Promise.all(
    hits
      .filter(({ seq }) => !isGone(view, seq))
      .map(async ({ seq, score }) => {
        const first = Math.max(view.present.aspects.keeping.head.seq, seq - context);
        const around = await toldBetween(parts, view, [first, seq + context + 1]);
        return { seq, score, first, around };
      }),
  );

function numberIn(query: URLSearchParams, name: string, max: number): number | undefined {
  const text = parameterOf(query, name);
  return text === undefined ? undefined : Math.min(max, parseNatural(text, name));
}

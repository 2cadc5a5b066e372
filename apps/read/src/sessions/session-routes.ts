import {
  type Edge,
  type EdgeRequest,
  headerOf,
  parameterOf,
  parseNatural,
  queryOf,
} from '@tidemark/edge';
import { limits, Problem, threadName, timestampText } from '@tidemark/protocol';
import { behindHead, factOf, requestIdIn, type StreamState, seqOfEventId } from '@tidemark/session';
import {
  factObjects,
  factObjectsAt,
  keepingObject,
  type Order,
  parseLimit,
  parseOrder,
  parsePage,
  parseTimeRange,
  primaryThreadId,
  sessionPrefixes,
  threadObjects,
  valuesOf,
} from '@tidemark/sessions-api';
import { goLiveBy } from '../live-grant.ts';
import type { ReadStart } from '../read-request.ts';
import { SseConnection } from '../sse-connection.ts';
import type { StreamView } from '../stream-view.ts';
import { followEvents, offsetIn } from './event-follow.ts';
import { type ListRequest, listEvents, sendListing } from './event-listing.ts';
import {
  checkAsked,
  checkJson,
  liveOf,
  openView,
  parameterIn,
  type SessionReadParts,
  type Subject,
  subjectOf,
  toldSession,
} from './parts.ts';
import { searchEvents } from './search-routes.ts';
import { listSessions } from './session-listing.ts';
import { SessionVoice } from './session-stream.ts';

const eventsMax = 1_000;
/** Of routes that open a view of their subject, which shows no more than its share, and read through it alone. */
const keeps = { keepsToShare: true } as const;
const deltaTypes: ReadonlySet<string> = new Set(['agent.message', 'agent.thinking']);
const deltasMax = 100;

export function addSessionReads(edge: Edge, parts: SessionReadParts): void {
  for (const prefix of sessionPrefixes) {
    edge.get(prefix, (request) => listSessions(parts, request));
    addOne(edge, parts, prefix);
    addEvents(edge, parts, prefix);
    addThreads(edge, parts, prefix);
  }
}

function addOne(edge: Edge, parts: SessionReadParts, prefix: string): void {
  edge.get(`${prefix}/:session`, { config: keeps }, async (request, reply) => {
    using view = await openView(parts, await subjectOf(parts, request));
    return reply.header('cache-control', 'no-store').send(toldSession(parts, view));
  });

  edge.get(`${prefix}/:session/facts`, async (request, reply) => {
    using view = await openView(parts, await subjectOf(parts, request));
    const asked = parameterOf(queryOf(request.raw.url ?? ''), 'at_seq');
    if (asked === undefined) return reply.send({ data: factObjects(liveOf(parts, view)) });
    const { tailSeq, aspects } = view.present;
    const seq = parseNatural(asked, 'at_seq');
    if (seq < aspects.keeping.head.seq) throw behindHead(view.present);
    if (seq >= tailSeq) throw new Problem('not-found', 'the session has no such event');
    return reply.send(factObjectsAt(liveOf(parts, view), seq));
  });

  edge.get(`${prefix}/:session/facts/:key`, async (request, reply) => {
    using view = await openView(parts, await subjectOf(parts, request));
    const fact = factOf(view.present.aspects.facts, parameterIn(request, 'key'));
    if (fact === undefined) throw new Problem('fact-not-found', 'the session has no such fact');
    reply.header('etag', `"${fact.version}"`).header('cache-control', 'no-store');
    return reply.type('application/json').send(fact.value);
  });

  edge.get(`${prefix}/:session/retention`, async (request, reply) => {
    using view = await openView(parts, await subjectOf(parts, request));
    return reply.send(keepingObject(liveOf(parts, view)));
  });

  edge.get(`${prefix}/:session/audit`, async (request, reply) => {
    using view = await openView(parts, await subjectOf(parts, request));
    const { entries, dropped } = view.present.aspects.audit;
    const data = entries.map((entry) => ({
      act: entry.act,
      by: entry.by,
      request_id: requestIdIn(entry),
      at: timestampText(entry.timeMs),
    }));
    return reply.send({ data, dropped });
  });

  edge.get(`${prefix}/:session/resources`, async (request, reply) => {
    using view = await openView(parts, await subjectOf(parts, request));
    return reply.send({ data: view.present.aspects.profile.resources, next_page: null });
  });

  edge.get(`${prefix}/:session/resources/:resource`, async (request, reply) => {
    using view = await openView(parts, await subjectOf(parts, request));
    const { resources } = view.present.aspects.profile;
    const resource = resources.find(({ id }) => id === parameterIn(request, 'resource'));
    if (resource === undefined) throw new Problem('not-found', 'the session has no such resource');
    return reply.send(resource);
  });
}

/** Of a session, or of one of its threads. */
type Named = (request: EdgeRequest) => Promise<Subject>;

function addEvents(edge: Edge, parts: SessionReadParts, prefix: string): void {
  const own: Named = (request) => subjectOf(parts, request);
  const thread: Named = async (request) => threadOf(await own(request), request);
  addListing(edge, parts, { path: `${prefix}/:session/events`, named: own, config: keeps });
  addListing(edge, parts, {
    path: `${prefix}/:session/threads/:thread/events`,
    named: thread,
    config: {},
  });
  addStream(edge, parts, { path: `${prefix}/:session/events/stream`, named: own, config: keeps });
  addStream(edge, parts, { path: `${prefix}/:session/stream`, named: own, config: keeps });
  addStream(edge, parts, {
    path: `${prefix}/:session/threads/:thread/stream`,
    named: thread,
    config: {},
  });

  edge.get(`${prefix}/:session/events/:event`, { config: keeps }, async (request, reply) => {
    using view = await openView(parts, await own(request));
    checkJson(view);
    const seq = seqNamed(view.present, parameterIn(request, 'event'));
    const isBehindHead = seq < view.present.aspects.keeping.head.seq;
    if (isBehindHead && view.share === undefined) throw behindHead(view.present);
    const asked = { ...everything, limit: 1, firstSeq: seq, endSeq: seq + 1 };
    const [event] = isBehindHead ? [] : (await listEvents(parts, view, asked)).events;
    if (event === undefined) throw new Problem('not-found', 'the session has no such event');
    reply.header('stream-first-seq', String(event.seq));
    return reply.type('application/json').send(Buffer.from(event.body));
  });
}

/** The primary thread’s events are the session’s own. */
function threadOf({ name, ...subject }: Subject, request: EdgeRequest): Subject {
  const id = parameterIn(request, 'thread');
  return { ...subject, name: id === primaryThreadId(name) ? name : threadName(name, id) };
}

interface Route {
  readonly path: string;
  readonly named: Named;
  readonly config: { readonly keepsToShare?: boolean };
}

function addListing(edge: Edge, parts: SessionReadParts, { path, named, config }: Route): void {
  edge.get(path, { config }, async (request, reply) => {
    const subject = await named(request);
    using view = await openView(parts, subject);
    checkJson(view);
    const query = queryOf(request.raw.url ?? '');
    checkAsked(view, query);
    if (parameterOf(query, 'q') !== undefined) {
      const { search } = parts;
      if (search === undefined) throw new Problem('unavailable', 'nothing is searched here');
      const found = await searchEvents({ ...parts, search }, subject.tenant, { view, request });
      return reply.header('cache-control', 'no-store').send(found);
    }
    const asked = await listRequestOf(view, query);
    if (parameterOf(query, 'live') !== undefined) {
      await followEvents(parts, view, { request, reply, asked });
      return reply;
    }
    const listing = await listEvents(parts, view, asked);
    sendListing(reply, view, { listing, asked });
    return reply;
  });
}

function addStream(edge: Edge, parts: SessionReadParts, { path, named, config }: Route): void {
  edge.get(path, { config }, async (request, reply) => {
    using view = await openView(parts, await named(request));
    checkJson(view);
    const position = await view.positionOf(resumedAt(request));
    const voice = voiceOf(parts, view, request);
    const goLive = await goLiveBy(parts.tenancy, request);
    const connection = new SseConnection(parts, view, { reply, position, voice, goLive });
    voice.listen(parts.previews, view.session);
    voice.onAside = () => connection.look();
    return reply;
  });
}

function addThreads(edge: Edge, parts: SessionReadParts, prefix: string): void {
  edge.get(`${prefix}/:session/threads`, async (request, reply) => {
    using view = await openView(parts, await subjectOf(parts, request));
    const statuses = new Set(valuesOf(queryOf(request.raw.url ?? ''), 'statuses'));
    const threads = threadObjects(liveOf(parts, view));
    const data = threads.filter(
      ({ status }) => statuses.size === 0 || statuses.has(String(status)),
    );
    return reply.send({ data, next_page: null });
  });

  edge.get(`${prefix}/:session/threads/:thread`, async (request, reply) => {
    using view = await openView(parts, await subjectOf(parts, request));
    const id = parameterIn(request, 'thread');
    const thread = threadObjects(liveOf(parts, view)).find((each) => each['id'] === id);
    if (thread === undefined) throw new Problem('not-found', 'the session has no such thread');
    return reply.send(thread);
  });
}

const everything: ListRequest = {
  order: 'asc',
  limit: eventsMax,
  page: undefined,
  filter: { types: new Set(), processed: parseTimeRange(new URLSearchParams(), '') },
  tellsSeqs: false,
  firstSeq: 0,
  endSeq: Number.MAX_SAFE_INTEGER,
};

async function listRequestOf(view: StreamView, query: URLSearchParams): Promise<ListRequest> {
  const stream = view.present;
  const order = parseOrder(parameterOf(query, 'order'), 'asc');
  const last = parameterOf(query, 'last');
  const since = parameterOf(query, 'since');
  const natural = (name: string): number | undefined => {
    const text = parameterOf(query, name);
    return text === undefined ? undefined : parseNatural(text, name);
  };
  if (since !== undefined && since !== 'compaction') {
    throw new Problem('invalid-request', 'since is compaction');
  }
  const { compactedAtSeq = 0 } = stream.aspects.activity;
  const offset = offsetIn(query);
  const fromSeq = natural('from_seq');
  if (fromSeq !== undefined && fromSeq < stream.aspects.keeping.head.seq) throw behindHead(stream);
  const firsts = [
    offset === undefined ? 0 : await view.positionOf(offset),
    fromSeq ?? 0,
    since === undefined ? 0 : compactedAtSeq,
    last === undefined
      ? 0
      : stream.tailSeq - parseLimit(last, { fallback: 0, max: limits.readEventsMax }),
  ];
  return {
    order,
    limit: parseLimit(parameterOf(query, 'limit'), { fallback: eventsMax, max: eventsMax }),
    page: parsePage(parameterOf(query, 'page'), order) ?? behind(order, query),
    filter: {
      types: new Set([...valuesOf(query, 'types'), ...valuesOf(query, 'type')]),
      processed: parseTimeRange(query, 'created_at'),
    },
    tellsSeqs: parameterOf(query, 'seqs') === 'true',
    firstSeq: Math.max(...firsts),
    endSeq: natural('to_seq') ?? Number.MAX_SAFE_INTEGER,
  };
}

/** A cursor, from wherever it is: what is behind it. */
function behind(order: Order, query: URLSearchParams): string | undefined {
  const cursor = parameterOf(query, 'after');
  if (cursor === undefined || cursor === '') return undefined;
  if (order === 'asc') return cursor;
  throw new Problem('invalid-request', 'after is for the order asc');
}

/** Behind the event that was seen last; without one a stream is of what comes. */
function resumedAt(request: EdgeRequest): ReadStart {
  const after = parameterOf(queryOf(request.raw.url ?? ''), 'after');
  const seen = headerOf(request.headers, 'last-event-id') ?? after;
  return seen === undefined || seen === '' ? { kind: 'now' } : { kind: 'cursor', offset: seen };
}

function voiceOf(
  { sessionFrames, nowMs }: SessionReadParts,
  { share }: StreamView,
  request: EdgeRequest,
): SessionVoice {
  const query = queryOf(request.raw.url ?? '');
  const deltas = valuesOf(query, 'event_deltas');
  if (deltas.length > deltasMax || deltas.some((type) => !deltaTypes.has(type))) {
    throw new Problem('invalid-request', 'event_deltas is agent.message or agent.thinking');
  }
  const types = valuesOf(query, 'types');
  const nowText = (): string => timestampText(nowMs());
  return new SessionVoice(sessionFrames, { types, share, deltas, nowText });
}

/** An event by its seq, by the id that the server gave it, or by one that its client did. */
function seqNamed(stream: StreamState, text: string): number {
  const seq = /^\d{1,15}$/.test(text)
    ? Number(text)
    : (seqOfEventId(stream, text) ?? stream.eventIds.get(text)?.firstSeq);
  if (seq !== undefined) return seq;
  throw new Problem('not-found', 'the session has no such event');
}

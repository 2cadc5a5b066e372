// Events under `/v3`: pages and streams by seq, as far as a level goes.

import {
  contentOf,
  isWithinLevel,
  type Level,
  matchesType,
  parseLevel,
  runEventAt,
  shortened,
  type ToldEvent,
} from '@tidemark/agents-api';
import {
  chunkOf,
  type Edge,
  type EdgeReply,
  type EdgeRequest,
  envelopeOf,
  headerOf,
  parameterOf,
  parseNatural,
  queryOf,
} from '@tidemark/edge';
import { limits, Problem } from '@tidemark/protocol';
import type { FollowCursor } from '@tidemark/replica';
import { type StreamState, seqOfEventId } from '@tidemark/session';
import { type Fields, parseLimit } from '@tidemark/sessions-api';
import { goLiveBy } from '../live-grant.ts';
import {
  checkJson,
  openView,
  parameterIn,
  type SessionReadParts,
  subjectOf,
} from '../sessions/parts.ts';
import { type FrameMaker, SharedFrames } from '../shared-frames.ts';
import { SseConnection, type SseVoice, sseHeaders } from '../sse-connection.ts';
import { textParts } from '../sse-frame.ts';
import type { StreamView } from '../stream-view.ts';

const pageBounds = { fallback: 100, max: 1_000 };
/** Events that are looked at in one step. */
const stepMax = 512;

export interface RunReadParts extends SessionReadParts {
  readonly runFrames: SharedFrames;
}

export function addRunEventReads(edge: Edge, parts: RunReadParts): void {
  const path = '/v3/sessions/:session';
  edge.get(`${path}/events`, async (request, reply) => {
    const subject = await subjectOf(parts, request);
    using view = await openView(parts, subject);
    checkJson(view);
    const query = queryOf(request.raw.url ?? '');
    const isStream =
      parameterOf(query, 'stream') === 'sse' ||
      headerOf(request.headers, 'accept') === 'text/event-stream';
    if (isStream) return stream(parts, view, { request, reply, session: subject.name });
    const asked = pageOf(query);
    return reply.send(await list(parts, view, { ...asked, session: subject.name }));
  });

  edge.get(`${path}/messages`, async (request, reply) => {
    const subject = await subjectOf(parts, request);
    using view = await openView(parts, subject);
    checkJson(view);
    const asked = { ...pageOf(queryOf(request.raw.url ?? '')), ...messages };
    return reply.send(await list(parts, view, { ...asked, session: subject.name }));
  });

  edge.get(`${path}/events/:event`, async (request, reply) => {
    return reply.send(shortened(await one(parts, request)));
  });

  edge.get(`${path}/events/:event/content`, async (request, reply) => {
    return reply.type('text/plain; charset=utf-8').send(contentOf(await one(parts, request)));
  });
}

interface PageRequest {
  /** Told from 1 on: behind it. */
  readonly after: number;
  readonly level: Level;
  readonly types: readonly string[];
  readonly turn: string | undefined;
  readonly limit: number;
}

const messages = { level: 'user', types: ['user.message', 'agent.message'] } as const;

function pageOf(query: URLSearchParams): PageRequest {
  const after = parameterOf(query, 'after') ?? parameterOf(query, 'cursor');
  return {
    after: after === undefined || after === '' ? 0 : parseNatural(after, 'after'),
    level: parseLevel(parameterOf(query, 'level'), 'internal'),
    types: (parameterOf(query, 'type') ?? '').split(',').filter((type) => type !== ''),
    turn: parameterOf(query, 'turn_id'),
    limit: parseLimit(parameterOf(query, 'limit'), pageBounds),
  };
}

const isWanted = (event: ToldEvent, { level, types, turn }: PageRequest): boolean =>
  isWithinLevel(event.level, level) &&
  (types.length === 0 || types.some((pattern) => matchesType(pattern, event.type))) &&
  (turn === undefined || event['turn_id'] === turn);

/** Whoever asks for all of it gets what is kept. */
const beginningOf = ({ aspects }: StreamState, after: number): number =>
  after === 0 ? aspects.keeping.head.seq : after;

/** A page goes on until it has what was asked for, or to the end. */
async function list(
  parts: RunReadParts,
  view: StreamView,
  asked: PageRequest & { readonly session: string },
): Promise<Fields> {
  const data: ToldEvent[] = [];
  const { session } = asked;
  const end = view.present.tailSeq;
  let bytes = 0;
  for (let seq = beginningOf(view.present, asked.after); seq < end; ) {
    for (const body of await bodiesAt(parts, view, { seq, end })) {
      const event = shortened(runEventAt({ stream: view.present, session }, seq, body));
      seq += 1;
      if (!isWanted(event, asked)) continue;
      data.push(event);
      bytes += body.length;
      if (data.length < asked.limit && bytes < limits.readBytesMax) continue;
      return { data, next_cursor: seq < end ? String(seq) : null };
    }
  }
  return { data, next_cursor: null };
}

async function bodiesAt(
  { shards }: RunReadParts,
  view: StreamView,
  { seq, end }: { readonly seq: number; readonly end: number },
): Promise<readonly Uint8Array[]> {
  const eventsMax = Math.min(stepMax, end - seq);
  const bounds = { position: seq, bytesMax: limits.readBytesMax, eventsMax };
  const range =
    shards.reader.readHot(view.session, bounds) ?? (await shards.reader.read(view.source, bounds));
  return range.split();
}

async function one(parts: RunReadParts, request: EdgeRequest): Promise<ToldEvent> {
  const subject = await subjectOf(parts, request);
  using view = await openView(parts, subject);
  checkJson(view);
  const seq = seqNamed(view.present, parameterIn(request, 'event'));
  const event = await eventAt(parts, view, { session: subject.name, seq });
  if (event === undefined) throw noEvent();
  return event;
}

const noEvent = (): Problem => new Problem('not-found', 'the session has no such event');

export async function eventAt(
  parts: RunReadParts,
  view: StreamView,
  { session, seq }: { readonly session: string; readonly seq: number },
): Promise<ToldEvent | undefined> {
  const { present } = view;
  if (seq < present.aspects.keeping.head.seq || seq >= present.tailSeq) return undefined;
  const [body] = await bodiesAt(parts, view, { seq, end: seq + 1 });
  return body && runEventAt({ stream: present, session }, seq, body);
}

function seqNamed(stream: StreamState, id: string): number {
  const seq = /^\d{1,15}$/.test(id)
    ? Number(id) - 1
    : (seqOfEventId(stream, id) ?? stream.eventIds.get(id)?.firstSeq);
  if (seq === undefined) throw noEvent();
  return seq;
}

/** Unnamed frames, so that they come where a browser listens for messages. */
const runFrame: FrameMaker = function* (stream, piece, { variant }) {
  const [level, ...rest] = variant.split(' ');
  const asked = { level: level as Level, session: rest.join(' ') };
  let seq = piece.position;
  // So that a frame of which nothing is wanted is one all the same.
  yield Buffer.from(':\n\n');
  for (const body of piece.split()) {
    const event = shortened(runEventAt({ stream, session: asked.session }, seq, body));
    seq += 1;
    if (!isWithinLevel(event.level, asked.level)) continue;
    yield Buffer.from(`id: ${event.seq}\n`);
    yield* textParts([Buffer.from(JSON.stringify(event))]);
    yield Buffer.from('\n');
  }
};

export const createRunFrames = (): SharedFrames => new SharedFrames(runFrame);

class RunVoice implements SseVoice {
  readonly headers = sseHeaders;
  readonly lifetimeMs = undefined;
  readonly heartbeat = chunkOf(Buffer.from(': still here\n\n'));
  readonly #frames: SharedFrames;
  readonly #variant: string;

  constructor(frames: SharedFrames, told: { readonly level: Level; readonly session: string }) {
    this.#frames = frames;
    this.#variant = `${told.level} ${told.session}`;
  }

  opening(): Uint8Array {
    return Buffer.from(': open\n\n');
  }

  hot(cursor: FollowCursor): ReturnType<SharedFrames['hot']> {
    return this.#frames.hot(cursor, this.#variant);
  }

  fetch(cursor: FollowCursor): ReturnType<SharedFrames['fetch']> {
    return this.#frames.fetch(cursor, this.#variant);
  }

  ending(): undefined {
    return undefined;
  }

  /** As a comment: every frame of data is taken for an event. */
  failure(problem: Parameters<SseVoice['failure']>[0]): Uint8Array {
    return Buffer.from(`: ${JSON.stringify(envelopeOf(problem, ''))}\n\n`);
  }
}

async function stream(
  parts: RunReadParts,
  view: StreamView,
  {
    request,
    reply,
    session,
  }: { readonly request: EdgeRequest; readonly reply: EdgeReply; readonly session: string },
): Promise<EdgeReply> {
  const { after, level } = pageOf(queryOf(request.raw.url ?? ''));
  const seen = headerOf(request.headers, 'last-event-id');
  const last = seen === undefined || seen === '' ? after : parseNatural(seen, 'Last-Event-ID');
  const seq = beginningOf(view.present, last);
  if (seq > view.present.tailSeq) {
    throw new Problem('invalid-offset', 'beyond the end of the session');
  }
  const goLive = await goLiveBy(parts.tenancy, request);
  const voice = new RunVoice(parts.runFrames, { level, session });
  new SseConnection(parts, view, { reply, position: seq, voice, goLive });
  return reply;
}

import {
  bodyOf,
  type Edge,
  type EdgeReply,
  type EdgeRequest,
  headerPairs,
  naturalHeader,
  parameterOf,
  parseNatural,
  queryOf,
  sendRaw,
  tokenOf,
} from '@tidemark/edge';
import { jsonContentType, Problem, threadName } from '@tidemark/protocol';
import type { Appended } from '@tidemark/replica/write';
import type { AppendCommand } from '@tidemark/session';
import {
  appendOf,
  idOfTold,
  parseSent,
  primaryThreadId,
  processedAtOf,
  type SentEvents,
  sessionPrefixes,
  toldEvent,
} from '@tidemark/sessions-api';
import { bytesOf, concatBytes } from '@tidemark/std';
import { parameterIn, type SessionWriteParts, type Subject, subjectOf, tell } from './parts.ts';

export function addEventWrites(edge: Edge, parts: SessionWriteParts): void {
  for (const prefix of sessionPrefixes) {
    const config = { isSteered: true };
    edge.post(`${prefix}/:session/events`, { config }, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      return send(parts, subject, { request, reply });
    });

    edge.post(`${prefix}/:session/threads/:thread/events`, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      const thread = parameterIn(request, 'thread');
      if (thread === primaryThreadId(subject.name)) return send(parts, subject, { request, reply });
      await checkThread(parts, subject, thread);
      const own = { ...subject, name: threadName(subject.name, thread) };
      const behind = (sent: SentEvents, stored: readonly Uint8Array[]): Promise<void> =>
        mirror(parts, subject, { thread, sent, stored });
      return send(parts, own, { request, reply, behind });
    });
  }
}

async function checkThread(
  parts: SessionWriteParts,
  subject: Subject,
  thread: string,
): Promise<void> {
  await parts.shards.locate(subject.tenant, subject.name).replica.readIndex();
  const threads = await tell(parts, subject, ({ stream }) => stream.aspects.activity.threads);
  const known = threads.find(({ id }) => id === thread);
  if (known === undefined) throw new Problem('not-found', 'the session has no such thread');
  if (known.archivedAtMs === undefined) return;
  throw new Problem('session-archived', 'the thread is archived: nothing can be appended');
}

/** What somebody outside has to answer is told on the session's own stream as well, under the same id. */
const mirrored: ReadonlySet<string> = new Set(['agent.tool_use', 'agent.custom_tool_use']);

async function mirror(
  { writes }: SessionWriteParts,
  { tenant, name }: Subject,
  {
    thread,
    sent,
    stored,
  }: {
    readonly thread: string;
    readonly sent: SentEvents;
    readonly stored: readonly Uint8Array[];
  },
): Promise<void> {
  const indexes = sent.types.flatMap((type, index) => (mirrored.has(type) ? [index] : []));
  if (indexes.length === 0) return;
  const mark = bytesOf(`,"session_thread_id":${JSON.stringify(thread)}`);
  const ids = indexes.map((index) => idOfTold(stored[index] ?? nothing));
  await writes.append(tenant, name, {
    kind: 'append',
    contentType: jsonContentType,
    close: false,
    events: indexes.map((index) => concatBytes([mark, sent.events[index] ?? nothing])),
    stamps: indexes.map((index, at) => ({
      id: ids[at],
      processedAt: processedAtOf(stored[index] ?? nothing),
      namesOutcome: false,
    })),
    types: indexes.map((index) => sent.types[index]),
    eventIds: ids,
  });
}

const nothing = new Uint8Array(0);

interface Exchange {
  readonly request: EdgeRequest;
  readonly reply: EdgeReply;
  /** What is done once the events stand. */
  readonly behind?: (sent: SentEvents, stored: readonly Uint8Array[]) => Promise<void>;
}

/** Previews go first: they are of what the events that were sent with them end. */
async function send(
  parts: SessionWriteParts,
  subject: Subject,
  { request, reply, behind }: Exchange,
): Promise<EdgeReply> {
  const sent = parseSent(bodyOf(request));
  if (!subject.mayAppend) checkSteering(sent);
  // A thread is there before it is told of.
  for (const thread of sent.threads) {
    await parts.writes.create(subject.tenant, threadName(subject.name, thread), plainSession);
  }
  if (sent.previews.length > 0) await preview(parts, subject, sent.previews);
  if (sent.events.length === 0) return answer(reply, sent.previews, undefined);
  const command = commandOf(sent, request, subject);
  const appended = await parts.writes.append(subject.tenant, subject.name, command);
  const stored = await storedOf(parts, subject, appended);
  await behind?.(sent, stored);
  let [next, nextPreview] = [0, 0];
  const told = sent.isStored.map((isStored) => {
    const body = isStored ? stored[next] : sent.previews[nextPreview];
    if (isStored) next += 1;
    else nextPreview += 1;
    return body ?? nothing;
  });
  return answer(reply, told, appended);
}

/** What a person says to an agent, and answers it. */
const steering: ReadonlySet<string> = new Set([
  'user.message',
  'user.interrupt',
  'user.tool_confirmation',
  'user.tool_result',
  'user.custom_tool_result',
  'user.define_outcome',
]);

function checkSteering({ types, previews, threads }: SentEvents): void {
  const isSteering = types.every((type) => steering.has(type));
  if (isSteering && previews.length === 0 && threads.length === 0) return;
  throw new Problem('forbidden', 'the scope steer is for what a person says to an agent');
}

const plainSession = {
  contentType: jsonContentType,
  ttlMs: undefined,
  expiresAtMs: undefined,
  isClosed: false,
  fork: undefined,
  events: [],
};

function commandOf(
  sent: SentEvents,
  { headers, raw }: EdgeRequest,
  { name }: Subject,
): AppendCommand {
  const expected = parameterOf(queryOf(raw.url ?? ''), 'expected');
  return {
    ...appendOf(sent, name),
    key: tokenOf(headers, 'idempotency-key'),
    matchSeq:
      expected === undefined
        ? naturalHeader(headers, 'stream-match-seq')
        : parseNatural(expected, 'expected'),
  };
}

async function preview(
  { writes }: SessionWriteParts,
  { tenant, name }: Subject,
  previews: readonly Uint8Array[],
): Promise<void> {
  await writes.submit(tenant, name, { kind: 'preview', frames: listOf(previews) });
}

/** Each event that was sent, as it is stored; those that were there already are read. */
async function storedOf(
  { shards }: SessionWriteParts,
  { tenant, name }: Subject,
  { stored, firstSeq, endSeq }: Appended,
): Promise<readonly Uint8Array[]> {
  const places =
    stored ?? Array.from({ length: endSeq - firstSeq }, (_, index) => firstSeq + index);
  const { replica, key } = shards.locate(tenant, name);
  return replica.with(key, (session) =>
    Promise.all(
      places.map(async (place) => {
        const { stream } = session.state;
        if (typeof place !== 'number' || stream === undefined) return place as Uint8Array;
        const bounds = { position: place, bytesMax: 0, eventsMax: 1 };
        const [body] = (await shards.reader.read({ replica, session }, bounds)).split();
        return body === undefined ? body : toldEvent(stream, place, body);
      }),
    ).then((bodies) => bodies.filter((body) => body !== undefined)),
  );
}

const [open, comma, close] = [bytesOf('['), bytesOf(','), bytesOf(']')];

const joined = (bodies: readonly Uint8Array[]): Uint8Array[] =>
  bodies.flatMap((body, index) => (index === 0 ? [body] : [comma, body]));

const listOf = (bodies: readonly Uint8Array[]): Uint8Array =>
  concatBytes([open, ...joined(bodies), close]);

const [head, tail] = [bytesOf('{"data":['), bytesOf(']}')];

function answer(
  reply: EdgeReply,
  bodies: readonly Uint8Array[],
  appended: Appended | undefined,
): EdgeReply {
  const headers = headerPairs();
  headers.push('content-type', 'application/json', 'cache-control', 'no-store');
  if (appended !== undefined) {
    headers.push('stream-next-offset', appended.nextOffset);
    headers.push('stream-first-seq', String(appended.firstSeq));
    headers.push('stream-next-seq', String(appended.endSeq));
    if (appended.isDuplicate) headers.push('stream-repeated', 'true');
  }
  const pieces = [head, ...joined(bodies), tail];
  let lengthBytes = 0;
  for (const { length } of pieces) lengthBytes += length;
  sendRaw(reply, 200, { headers, body: { pieces, lengthBytes } });
  return reply;
}

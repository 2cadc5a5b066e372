// The sessions API as a program asks it. Every repeat is safe: what is appended carries ids of its own or an
// idempotency key, so that the server counts once what it took and could not answer.

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Batch, type BatchBounds, batchBounds, batchesOf, type SentEvent } from './batches.ts';
import { type Frame, framesOf } from './event-stream.ts';
import { problemOf, RequestProblem, Unreachable } from './problem.ts';

export interface ClientOptions {
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  /** In place of the platform's own. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly attemptsMax?: number | undefined;
}

export type Json = Readonly<Record<string, unknown>>;

export type StoredEvent = Json & { readonly id: string; readonly type: string };

export interface Asked {
  readonly method?: string;
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes are sent as they are, all else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** Of a session, or of one of its threads. */
export interface Place {
  readonly session: string;
  readonly thread?: string | undefined;
}

const firstPauseMs = 100;
const eventsMax = 1_000;

export const sessionPath = ({ session, thread }: Place): string => {
  const path = `/v1/sessions/${encodeURIComponent(session)}`;
  return thread === undefined ? path : `${path}/threads/${encodeURIComponent(thread)}`;
};

/** Of a session as a stream. */
export const streamPath = (name: string): string =>
  `/v1/stream/${name.split('/').map(encodeURIComponent).join('/')}`;

export class SessionsClient {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly #fetch: typeof globalThis.fetch;
  readonly #attemptsMax: number;

  constructor({ baseUrl, apiKey, fetch = globalThis.fetch, attemptsMax = 5 }: ClientOptions) {
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.apiKey = apiKey;
    this.#fetch = fetch;
    this.#attemptsMax = attemptsMax;
  }

  /** The answer, whatever its status, after repeats where they are of use. */
  async ask(path: string, asked: Asked = {}): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt >= this.#attemptsMax;
      try {
        const response = await this.#once(path, asked);
        if (response.ok) return response;
        const problem = await problemOf(response);
        if (isLast || !problem.isRepeatable) throw problem;
      } catch (cause) {
        if (cause instanceof RequestProblem || asked.signal?.aborted === true) throw cause;
        if (isLast) throw new Unreachable(this.baseUrl, cause);
      }
      await delay(firstPauseMs * 2 ** (attempt - 1), undefined, { signal: asked.signal });
    }
  }

  async json<T = Json>(path: string, asked: Asked = {}): Promise<T> {
    const text = await (await this.ask(path, asked)).text();
    return (text === '' ? {} : JSON.parse(text)) as T;
  }

  /** Undefined where there is nothing of that name. */
  async find<T = Json>(path: string, asked: Asked = {}): Promise<T | undefined> {
    try {
      return await this.json<T>(path, asked);
    } catch (cause) {
      if (cause instanceof RequestProblem && (cause.status === 404 || cause.status === 410)) {
        return undefined;
      }
      throw cause;
    }
  }

  /** All pages of a list, one item after the other. */
  async *list(path: string, asked: Asked = {}): AsyncGenerator<Json> {
    let page: string | undefined;
    do {
      const query = { ...asked.query, page };
      const answer = await this.json<Page>(path, { ...asked, query });
      yield* answer.data;
      page = answer.next_page ?? undefined;
    } while (page !== undefined);
  }

  async *events(place: Place, query: Asked['query'] = {}): AsyncGenerator<StoredEvent> {
    const path = `${sessionPath(place)}/events`;
    const asked = { query: { limit: eventsMax, ...query } };
    for await (const event of this.list(path, asked)) yield event as StoredEvent;
  }

  /** All of them in order, in as many requests as it takes; tells how many were new. */
  async append(
    place: Place,
    events: Iterable<SentEvent>,
    bounds: BatchBounds = batchBounds,
  ): Promise<number> {
    let appended = 0;
    for (const batch of batchesOf(events, bounds)) appended += await this.appendBatch(place, batch);
    return appended;
  }

  /** What has a session of its own: a thread is deleted as one. */
  async delete({ session, thread }: Place): Promise<void> {
    const name = thread === undefined ? session : `${session}~${thread}`;
    await this.find(sessionPath({ session: name }), { method: 'DELETE' });
  }

  /** A session of its own that is this one as it was before an event; where it is there, it stays. */
  async fork(session: string, { as, before }: Fork): Promise<void> {
    if ((await this.find(sessionPath({ session: as }))) !== undefined) return;
    const events = `${sessionPath({ session })}/events`;
    const event = await this.ask(`${events}/${encodeURIComponent(before)}`);
    await event.arrayBuffer();
    const seq = Number(event.headers.get('stream-first-seq'));
    if (seq === 0) return;
    // Only the server can say the cursor of a place.
    const last = await this.ask(events, { query: { from_seq: seq - 1, limit: 1 } });
    await last.arrayBuffer();
    const headers = {
      'content-type': 'application/json',
      'stream-forked-from': streamPath(session),
      'stream-fork-offset': last.headers.get('stream-next-offset') ?? '',
    };
    await this.json(streamPath(as), { method: 'PUT', headers });
  }

  async appendBatch(place: Place, { body, events }: Batch): Promise<number> {
    const isNamed = events.every(({ id }) => id !== undefined);
    const headers = isNamed ? {} : { 'idempotency-key': randomUUID() };
    const { firstSeq, nextSeq, isRepeated } = await this.#post(place, { body, headers });
    return isRepeated ? 0 : nextSeq - firstSeq;
  }

  /** In one request, so that all of them stand or none; only while `expected` is the next seq, where it is given. */
  appendAtOnce(
    place: Place,
    events: readonly SentEvent[],
    { expected, key = randomUUID() }: AtOnce = {},
  ): Promise<AppendedAt> {
    const headers = { 'idempotency-key': key };
    return this.#post(place, { body: JSON.stringify(events), headers, query: { expected } });
  }

  async #post(place: Place, asked: Asked): Promise<AppendedAt> {
    const path = `${sessionPath(place)}/events`;
    const response = await this.ask(path, { ...asked, method: 'POST' });
    await response.arrayBuffer();
    const { headers } = response;
    return {
      firstSeq: Number(headers.get('stream-first-seq') ?? 0),
      nextSeq: Number(headers.get('stream-next-seq') ?? 0),
      isRepeated: headers.get('stream-repeated') === 'true',
    };
  }

  /** What comes behind a cursor, for as long as the session goes on: a connection that ends is begun again. */
  async *follow(place: Place, { after, types, signal }: Follow = {}): AsyncGenerator<Frame> {
    const path = `${sessionPath(place)}/${place.thread === undefined ? 'events/' : ''}stream`;
    const query = { 'types[]': types };
    for (let cursor = after; signal?.aborted !== true; ) {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (cursor !== undefined) headers['last-event-id'] = cursor;
      const response = await this.ask(path, { query, headers, signal });
      for await (const frame of untilEnd(response, signal)) {
        cursor = frame.id ?? cursor;
        yield frame;
        if (frame.event === 'session.deleted') return;
      }
      await delay(firstPauseMs, undefined, { signal });
    }
  }

  #once(path: string, { method = 'GET', query, headers, body, signal }: Asked): Promise<Response> {
    const isReady = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    return this.#fetch(`${this.baseUrl}${path}${queryText(query)}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.apiKey === undefined ? {} : { authorization: `Bearer ${this.apiKey}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isReady ? (body as string) : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

export interface Fork {
  readonly as: string;
  /** The id of an event. */
  readonly before: string;
}

export interface AtOnce {
  readonly expected?: number | undefined;
  /** A repeat under the same key appends nothing. */
  readonly key?: string;
}

export interface AppendedAt {
  readonly firstSeq: number;
  readonly nextSeq: number;
  /** It was there already. */
  readonly isRepeated: boolean;
}

interface Page {
  readonly data: readonly Json[];
  readonly next_page?: string | null;
}

export interface Follow {
  /** `-1` is the beginning; nothing is now. */
  readonly after?: string | undefined;
  readonly types?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The frames of a connection until it ends, in whatever way. */
async function* untilEnd(
  { body }: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<Frame> {
  try {
    yield* framesOf(body ?? nothing());
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function queryText(query: Asked['query'] = {}): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const values = Array.isArray(value) ? (value as readonly string[]) : [value];
    for (const each of values) if (each !== undefined) pairs.append(name, String(each));
  }
  const text = pairs.toString();
  return text === '' ? '' : `?${text}`;
}

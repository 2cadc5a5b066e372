// The sessions API as our own programs ask it, in the server's words: what the client has no method of its own for,
// and threads. Every repeat is safe: what is appended carries ids of its own or an idempotency key, so that the
// server counts once what it took and could not answer.

import { randomUUID } from 'node:crypto';
import {
  type Answer,
  type Asked as AskedOfAll,
  isProblem,
  type Opened,
  type Query,
  Tidemark,
} from '@tidemark/client';
import { type Batch, type BatchBounds, batchBounds, batchesOf, type SentEvent } from './batches.ts';

export interface ClientOptions {
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  /** In place of the platform's own. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly attemptsMax?: number | undefined;
}

export type Json = Readonly<Record<string, unknown>>;

export type StoredEvent = Json & { readonly id: string; readonly type: string };

export interface Asked extends Pick<AskedOfAll, 'method' | 'query' | 'headers' | 'signal'> {
  /** Text and bytes are sent as they are, all else as JSON. */
  readonly body?: unknown;
}

/** Of a session, or of one of its threads. */
export interface Place {
  readonly session: string;
  readonly thread?: string | undefined;
}

const eventsMax = 1_000;
/** What is looked for in all of an archive may take its time. */
const timeoutMs = 300_000;

export const sessionPath = ({ session, thread }: Place): string => {
  const path = `/v1/sessions/${encodeURIComponent(session)}`;
  return thread === undefined ? path : `${path}/threads/${encodeURIComponent(thread)}`;
};

/** Of a session as a stream. */
export const streamPath = (name: string): string =>
  `/v1/stream/${name.split('/').map(encodeURIComponent).join('/')}`;

/** A thread is a session too. */
const nameOf = ({ session, thread }: Place): string =>
  thread === undefined ? session : `${session}~${thread}`;

export class SessionsClient {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly #server: Tidemark;

  constructor({ baseUrl, apiKey, fetch, attemptsMax = 5 }: ClientOptions) {
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.apiKey = apiKey;
    this.#server = new Tidemark({
      url: baseUrl,
      attemptsMax,
      timeoutMs,
      ...(apiKey !== undefined && { apiKey }),
      ...(fetch !== undefined && { fetch }),
    });
  }

  ask<T = unknown>(path: string, asked: Asked = {}): Promise<Answer<T>> {
    return this.#server.ask<T>(askedOf(path, asked));
  }

  /** Of an answer that is long, or no JSON: whoever reads it ends it. */
  open(path: string, asked: Asked = {}): Promise<Opened> {
    return this.#server.open(askedOf(path, asked));
  }

  async json<T = Json>(path: string, asked: Asked = {}): Promise<T> {
    return (await this.ask<T | undefined>(path, asked)).body ?? ({} as T);
  }

  /** Undefined where there is nothing of that name. */
  async find<T = Json>(path: string, asked: Asked = {}): Promise<T | undefined> {
    try {
      return await this.json<T>(path, asked);
    } catch (cause) {
      if (isAbsent(cause)) return undefined;
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

  async *events(place: Place, query: Query = {}): AsyncGenerator<StoredEvent> {
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
  async delete(place: Place): Promise<void> {
    await this.find(sessionPath({ session: nameOf(place) }), { method: 'DELETE' });
  }

  /** A session of its own that is this one as it was before an event; where it is there, it stays. */
  async fork(session: string, { as, before }: Fork): Promise<void> {
    if ((await this.find(sessionPath({ session: as }))) !== undefined) return;
    const events = `${sessionPath({ session })}/events`;
    const event = await this.ask(`${events}/${encodeURIComponent(before)}`);
    const seq = Number(event.headers.get('stream-first-seq'));
    if (seq === 0) return;
    // Only the server can say the cursor of a place.
    const last = await this.ask(events, { query: { from_seq: seq - 1, limit: 1 } });
    const headers = {
      'stream-forked-from': streamPath(session),
      'stream-fork-offset': last.headers.get('stream-next-offset') ?? '',
      'content-type': 'application/json',
    };
    await this.ask(streamPath(as), { method: 'PUT', headers });
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
    return this.#post(place, { body: events, headers, query: { expected } });
  }

  async #post(place: Place, asked: Asked): Promise<AppendedAt> {
    const path = `${sessionPath(place)}/events`;
    const { headers } = await this.ask(path, { ...asked, method: 'POST' });
    return {
      firstSeq: Number(headers.get('stream-first-seq') ?? 0),
      nextSeq: Number(headers.get('stream-next-seq') ?? 0),
      isRepeated: headers.get('stream-repeated') === 'true',
    };
  }

  /** What comes behind a cursor, for as long as the session goes on. */
  async *follow(place: Place, options: Follow = {}): AsyncGenerator<StoredEvent> {
    yield* this.#server.session(nameOf(place)).follow(options);
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
  /** `start`, `now`, or a cursor. */
  readonly after?: string;
  readonly types?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Whether there is nothing of that name, or not any more. */
export const isAbsent = (cause: unknown): boolean =>
  isProblem(cause) && (cause.status === 404 || cause.status === 410);

function askedOf(path: string, { body, ...asked }: Asked): AskedOfAll {
  const isReady = typeof body === 'string' || body instanceof Uint8Array;
  return { ...asked, path, ...(isReady ? { raw: body as string } : { body }) };
}

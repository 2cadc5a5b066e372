import { Appender, type AppenderOptions } from './appender.ts';
import { type NamedEvent, requestsOf, type SentEvent, type StoredEvent } from './events.ts';
import { Facts, type SignalOptions } from './facts.ts';
import { type Batch, type FollowOptions, type FollowParts, follow } from './follow.ts';
import type { Ending } from './live-socket.ts';
import { isProblem } from './problem.ts';
import type { Asked, Query, Requests } from './requests.ts';
import type { SearchHit } from './search.ts';
import type { SessionChange, SessionObject, SessionToken } from './session-object.ts';
import { sessionPath } from './sources.ts';

export interface AppendOptions extends SignalOptions {
  /** Only while this is the next seq; else a Problem `seq-conflict`. */
  readonly expected?: number;
}

export interface Appended {
  /** As they are stored, in the order in which they were given. */
  readonly events: readonly StoredEvent[];
  /** Seq of what will be appended next. */
  readonly nextSeq: number;
  /** Behind the last of them, to follow from. */
  readonly cursor: string;
}

export interface ReadOptions extends SignalOptions {
  readonly types?: readonly string[];
  readonly order?: 'asc' | 'desc';
  /** The first seq, and the one behind the last. */
  readonly from?: number;
  readonly to?: number;
  /** What came since the context was compacted last. */
  readonly since?: 'compaction';
  /** Events a page: 1,000 at most. */
  readonly pageSize?: number;
}

export interface Page {
  readonly events: readonly StoredEvent[];
  /** Where each stands. */
  readonly seqs: readonly number[];
  /** Undefined on the last page. */
  readonly next: string | undefined;
  /** To follow from, behind the last event; of a page in ascending order only. */
  readonly cursor: string | undefined;
}

export interface SessionSearchOptions extends SignalOptions {
  readonly limit?: number;
  /** So many events around each hit, all of them in their order. */
  readonly context?: number;
  readonly maxTokens?: number;
  readonly page?: string;
}

export interface FoundEvents {
  readonly data: readonly StoredEvent[];
  readonly hits: readonly Pick<SearchHit, 'seq' | 'score' | 'snippet' | 'highlights'>[];
  readonly next_page: string | null;
  readonly token_estimate: number;
}

type Act = 'start' | 'pause' | 'resume' | 'end' | 'archive';

const pageMax = 1_000;

/** A session by its name: nothing is asked of the server before something is wanted. */
export class Session {
  readonly id: string;
  readonly facts: Facts;
  readonly #parts: FollowParts;
  readonly #path: string;

  constructor(parts: FollowParts, id: string) {
    this.id = id;
    this.#parts = parts;
    this.#path = sessionPath(id);
    this.facts = new Facts(parts.requests, this.#path);
  }

  get #requests(): Requests {
    return this.#parts.requests;
  }

  get({ signal }: SignalOptions = {}): Promise<SessionObject> {
    return this.#requests.json({ path: this.#path, signal });
  }

  update(change: SessionChange, { signal }: SignalOptions = {}): Promise<SessionObject> {
    const asked: Asked = { method: 'POST', path: this.#path, body: change, signal };
    return this.#requests.json({ ...asked, headers: this.#requests.once() });
  }

  /** It is no error where it was not there any more. */
  async delete({ signal }: SignalOptions = {}): Promise<void> {
    try {
      await this.#requests.ask({ method: 'DELETE', path: this.#path, signal });
    } catch (cause) {
      if (!isProblem(cause, 'session-not-found', 'session-gone')) throw cause;
    }
  }

  start(options?: SignalOptions): Promise<SessionObject> {
    return this.#act('start', options);
  }

  pause(options?: SignalOptions): Promise<SessionObject> {
    return this.#act('pause', options);
  }

  resume(options?: SignalOptions): Promise<SessionObject> {
    return this.#act('resume', options);
  }

  end(options?: SignalOptions): Promise<SessionObject> {
    return this.#act('end', options);
  }

  archive(options?: SignalOptions): Promise<SessionObject> {
    return this.#act('archive', options);
  }

  #act(act: Act, { signal }: SignalOptions = {}): Promise<SessionObject> {
    const headers = this.#requests.once();
    return this.#requests.json({ method: 'POST', path: `${this.#path}/${act}`, headers, signal });
  }

  /** For a browser, or whoever else is to have this session and nothing else. */
  createToken(
    wish: {
      readonly scopes?: readonly string[];
      readonly ttl_seconds?: number;
      /** A part of the session's events, or what is left of them without contents: to read, and no more. */
      readonly first_seq?: number;
      readonly last_seq?: number;
      readonly redacted?: boolean;
    },
    { signal }: SignalOptions = {},
  ): Promise<SessionToken> {
    const path = `${this.#path}/tokens`;
    return this.#requests.json({ method: 'POST', path, body: wish, signal });
  }

  /** Durable once it resolves, and there once however often it had to be sent. */
  async append(
    events: SentEvent | readonly SentEvent[],
    { expected, signal }: AppendOptions = {},
  ): Promise<Appended> {
    const { platform } = this.#requests;
    const prefix = platform.newId();
    const named = [events].flat().map((event, index): NamedEvent => {
      return { ...event, id: event.id ?? `${prefix}-${index}` };
    });
    let last: Appended | undefined;
    const stored: StoredEvent[] = [];
    for (const batch of requestsOf(named)) {
      last = await this.#send(batch, {
        expected: expected === undefined ? undefined : (last?.nextSeq ?? expected),
        signal,
      });
      stored.push(...last.events);
    }
    if (last === undefined) throw new RangeError('append one event at least');
    return { ...last, events: stored };
  }

  async #send(
    events: readonly NamedEvent[],
    {
      expected,
      signal,
    }: { readonly expected: number | undefined; readonly signal: AbortSignal | undefined },
  ): Promise<Appended> {
    const query: Query = expected === undefined ? {} : { expected };
    const path = `${this.#path}/events`;
    const asked: Asked = { method: 'POST', path, query, body: { events }, signal };
    const { body, headers } = await this.#requests.ask<{ data: readonly StoredEvent[] }>(asked);
    return {
      events: body.data,
      nextSeq: Number(headers.get('stream-next-seq')),
      cursor: headers.get('stream-next-offset') ?? '',
    };
  }

  /** Events one after the other, many a request, exactly once across restarts as well. */
  appender(options: AppenderOptions = {}): Appender {
    const producer = options.producer ?? this.#requests.platform.newId();
    const send = async (
      events: readonly NamedEvent[],
      signal: AbortSignal | undefined,
    ): Promise<readonly StoredEvent[]> =>
      (await this.#send(events, { expected: undefined, signal })).events;
    return new Appender(send, { ...options, producer });
  }

  /** Told to those who follow now by server-sent events, and kept nowhere: sent once, come what may. */
  async preview(events: readonly SentEvent[], { signal }: SignalOptions = {}): Promise<void> {
    const path = `${this.#path}/events`;
    await this.#requests.ask({ method: 'POST', path, body: { events }, signal, attemptsMax: 1 });
  }

  /** By its id, or by its seq. */
  event(idOrSeq: string | number, { signal }: SignalOptions = {}): Promise<StoredEvent> {
    const path = `${this.#path}/events/${encodeURIComponent(idOrSeq)}`;
    return this.#requests.json({ path, signal });
  }

  async readPage(options: ReadOptions = {}, page?: string): Promise<Page> {
    const { types, order = 'asc', from, to, since, pageSize = pageMax, signal } = options;
    const { body, headers } = await this.#requests.ask<ListedPage>({
      path: `${this.#path}/events`,
      query: {
        'types[]': types,
        order,
        from_seq: from,
        to_seq: to,
        since,
        limit: pageSize,
        page,
        seqs: true,
      },
      signal,
    });
    return {
      events: body.data,
      seqs: body.seqs,
      next: body.next_page ?? undefined,
      cursor: headers.get('stream-next-offset') ?? undefined,
    };
  }

  async *readPages(options: ReadOptions = {}): AsyncGenerator<Page> {
    let next: string | undefined;
    do {
      const page = await this.readPage(options, next);
      yield page;
      next = page.next;
    } while (next !== undefined);
  }

  /** All that is there, page by page. */
  async *read(options: ReadOptions = {}): AsyncGenerator<StoredEvent> {
    for await (const { events } of this.readPages(options)) yield* events;
  }

  /** The last n, in their order. */
  async last(
    n: number,
    options: Pick<ReadOptions, 'types' | 'signal'> = {},
  ): Promise<StoredEvent[]> {
    const found: StoredEvent[] = [];
    const pageSize = Math.min(n, pageMax);
    if (n < 1) return found;
    // From the end, which may move meanwhile.
    for await (const { events } of this.readPages({ ...options, order: 'desc', pageSize })) {
      found.push(...events);
      if (found.length >= n) break;
    }
    return found.slice(0, n).reverse();
  }

  /** Events as they come, until the session ends or the signal says so. */
  async *follow(options: FollowOptions = {}): AsyncGenerator<StoredEvent> {
    for await (const { events } of this.followBatches(options)) yield* events;
  }

  /** With the cursor behind each batch: whoever keeps it with what was made of the events misses none, and has none twice. */
  followBatches(options: FollowOptions = {}): AsyncGenerator<Batch, Ending> {
    return follow(this.#parts, this.id, options);
  }

  search(q: string, options: SessionSearchOptions = {}): Promise<FoundEvents> {
    const { limit, context, maxTokens, page, signal } = options;
    const query = { q, limit, context, max_tokens: maxTokens, page };
    return this.#requests.json({ path: `${this.#path}/events`, query, signal });
  }
}

interface ListedPage {
  readonly data: readonly StoredEvent[];
  readonly next_page: string | null;
  readonly seqs: readonly number[];
}

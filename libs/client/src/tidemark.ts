import type { SignalOptions } from './facts.ts';
import { type FollowParts, type Transport, Transports } from './follow.ts';
import { ownPlatform } from './platform.ts';
import { type Answer, type Asked, type Credential, type Opened, Requests } from './requests.ts';
import type { SearchPage } from './search.ts';
import { Session } from './session.ts';
import type { NewSession, SessionObject } from './session-object.ts';
import { LiveSockets } from './sources.ts';

export interface ClientOptions {
  /** Of the server: `https://sessions.example`. */
  readonly url: string;
  /** A key or a client token, or what gives one that is good now. */
  readonly apiKey?: Credential;
  /** Attempts of one request. */
  readonly attemptsMax?: number;
  /** Of one attempt. */
  readonly timeoutMs?: number;
  /** How long the first word of whoever is followed may take. */
  readonly openMs?: number;
  /** How sessions may be followed, the best first. */
  readonly transports?: readonly Transport[];
  /** In place of the platform's own. */
  readonly fetch?: typeof globalThis.fetch;
  readonly WebSocket?: typeof globalThis.WebSocket;
}

export interface CreateOptions extends SignalOptions {
  /** A name of one's own: where it is there already, it is told as it is. */
  readonly id?: string;
  /** A repeat under the same key, after a restart too, names the same session. */
  readonly idempotencyKey?: string;
}

export interface ListOptions extends SignalOptions {
  /** When they were made, unless another is named. */
  readonly orderBy?: 'created_at' | 'state_changed_at';
  readonly order?: 'asc' | 'desc';
  readonly statuses?: readonly string[];
  readonly agentId?: string;
  /** A part of it, in whatever case. */
  readonly agentName?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly includeArchived?: boolean;
  readonly pageSize?: number;
}

export interface SearchOptions extends SignalOptions {
  readonly limit?: number;
  readonly page?: string;
}

const sessionsPath = '/v1/sessions';

/** A Tidemark server, or a cluster behind one address. */
export class Tidemark {
  readonly #parts: FollowParts;

  constructor(options: ClientOptions) {
    const { url, apiKey, attemptsMax = 12, timeoutMs = 30_000, openMs = 10_000 } = options;
    const platform = {
      ...ownPlatform,
      ...(options.fetch && { fetch: options.fetch }),
      ...(options.WebSocket && { WebSocket: options.WebSocket }),
    };
    const requests = new Requests(platform, { url, apiKey, attemptsMax, timeoutMs });
    const { transports = ['websocket', 'sse', 'long-poll'] } = options;
    const hasSockets = platform.WebSocket !== undefined;
    const usable = transports.filter((each) => each !== 'websocket' || hasSockets);
    const sockets = new LiveSockets(requests, openMs);
    this.#parts = { requests, sockets, openMs, transports: new Transports(usable) };
  }

  /** Any path of the server, as JSON, asked again as all else is: what has no method of its own. */
  ask<T>(asked: Asked): Promise<Answer<T>> {
    return this.#parts.requests.ask(asked);
  }

  /** The same, of an answer that is long, or no JSON. */
  open(asked: Asked): Promise<Opened> {
    return this.#parts.requests.open(asked);
  }

  /** A session by its name, whether it is there or not: its first append makes it. */
  session(id: string): Session {
    return new Session(this.#parts, id);
  }

  async create(wish: NewSession = {}, options: CreateOptions = {}): Promise<Session> {
    const { requests } = this.#parts;
    const { id, signal, idempotencyKey = requests.platform.newId() } = options;
    const made = await requests.json<SessionObject>(
      id === undefined
        ? {
            method: 'POST',
            path: sessionsPath,
            headers: { 'idempotency-key': idempotencyKey },
            body: wish,
            signal,
          }
        : { method: 'PUT', path: `${sessionsPath}/${encodeURIComponent(id)}`, body: wish, signal },
    );
    return this.session(made.id);
  }

  /** All that there are, by the time of their making or of the last change of their state. */
  async *list(options: ListOptions = {}): AsyncGenerator<SessionObject> {
    const { order, statuses, metadata = {}, includeArchived, pageSize, signal } = options;
    const filters = Object.entries(metadata).map(([key, value]) => [`metadata[${key}]`, value]);
    let page: string | undefined;
    do {
      const query = {
        order_by: options.orderBy,
        order,
        'statuses[]': statuses,
        agent_id: options.agentId,
        agent_name: options.agentName,
        include_archived: includeArchived,
        limit: pageSize,
        page,
        ...(Object.fromEntries(filters) as Readonly<Record<string, string>>),
      };
      const listed: ListedSessions = await this.#parts.requests.json({
        path: sessionsPath,
        query,
        signal,
      });
      yield* listed.data;
      page = listed.next_page ?? undefined;
    } while (page !== undefined);
  }

  /** Events of all sessions, by their words. */
  search(q: string, { limit, page, signal }: SearchOptions = {}): Promise<SearchPage> {
    return this.#parts.requests.json({ path: '/v1/search', query: { q, limit, page }, signal });
  }
}

interface ListedSessions {
  readonly data: readonly SessionObject[];
  readonly next_page: string | null;
}

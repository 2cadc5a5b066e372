// Requests and their repeats. Each request that changes something is made so that a repeat does no harm: it
// carries ids, a key or a version, or says the same thing again. So whatever may pass is asked again.
//
// (1) Asked again is what the server says may go through unchanged, and what was not answered.
// (2) Not before the server said (`Retry-After`), and with full jitter on top, so that many who were refused
//     at once do not come back at once.
// (3) Attempts have an end, and each a time.

import { type Deadline, deadline, type Platform, pause } from './platform.ts';
import { type Effect, noAnswer, Problem, problemOf } from './problem.ts';

export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

export interface Asked {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** As JSON. */
  readonly body?: unknown;
  /** In place of a body: sent as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal | undefined;
  /** In place of what the client was told. */
  readonly timeoutMs?: number;
  readonly attemptsMax?: number;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** An answer whose body comes as it is read. */
export interface Opened {
  readonly response: Response;
  /** Nothing more of it is read, and no signal is heard. */
  readonly end: () => void;
}

/** A key, a client token, or whatever gives one that is good now. */
export type Credential = string | (() => string | Promise<string>);

export interface RequestSettings {
  readonly url: string;
  readonly apiKey: Credential | undefined;
  readonly attemptsMax: number;
  readonly timeoutMs: number;
}

export const backoffMs = { first: 100, max: 5_000 } as const;
/** Who is told to wait longer is better told so. */
const retryAfterMaxMs = 60_000;

/** Full jitter: anything up to a bound that doubles. */
export const jitterMs = (platform: Platform, losses: number): number =>
  platform.random() * Math.min(backoffMs.max, backoffMs.first * 2 ** losses);

export class Requests {
  readonly platform: Platform;
  readonly settings: RequestSettings;

  constructor(platform: Platform, settings: RequestSettings) {
    this.platform = platform;
    this.settings = { ...settings, url: settings.url.replace(/\/+$/, '') };
  }

  ask<T>(asked: Asked): Promise<Answer<T>> {
    return this.#again(asked, () => this.#attempt<T>(asked));
  }

  /** What is lost of its body is its reader's to ask for again. */
  async open(asked: Asked): Promise<Opened> {
    const { response, limit } = await this.#again(asked, () => this.#open(asked));
    limit.hold();
    return { response, end: () => limit.end() };
  }

  async #again<T extends object>(
    asked: Asked,
    attemptOnce: () => Promise<T | Problem>,
  ): Promise<T> {
    const attemptsMax = asked.attemptsMax ?? this.settings.attemptsMax;
    let isUncertain = false;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await attemptOnce();
      if (!(outcome instanceof Problem)) return outcome;
      isUncertain ||= outcome.effect === 'unknown';
      const { retry, retryAfterMs = 0 } = outcome;
      const isPassing = retry === 'same' && retryAfterMs <= retryAfterMaxMs;
      if (!isPassing || attempt >= attemptsMax)
        throw isUncertain ? outcome.afterUnknown() : outcome;
      const waitMs = retryAfterMs + jitterMs(this.platform, attempt - 1);
      await pause(this.platform, waitMs, asked.signal);
    }
  }

  async json<T>(asked: Asked): Promise<T> {
    return (await this.ask<T>(asked)).body;
  }

  /** For what has no ids of its own: the server knows a repeat by it. */
  once(): Readonly<Record<string, string>> {
    return { 'idempotency-key': this.platform.newId() };
  }

  async #attempt<T>(asked: Asked): Promise<Answer<T> | Problem> {
    const opened = await this.#open(asked);
    if (opened instanceof Problem) return opened;
    const { response, limit } = opened;
    try {
      const text = await response.text();
      const { status, headers } = response;
      return { status, headers, body: (text === '' ? undefined : JSON.parse(text)) as T };
    } catch (cause) {
      return this.#lost(asked, cause);
    } finally {
      limit.end();
    }
  }

  /** Once; the limit of what is answered is its reader's to end. */
  async #open(asked: Asked): Promise<{ response: Response; limit: Deadline } | Problem> {
    const timeoutMs = asked.timeoutMs ?? this.settings.timeoutMs;
    const limit = deadline(this.platform, timeoutMs, asked.signal);
    try {
      const response = await this.send(asked, limit.signal);
      const { status, headers, ok } = response;
      if (ok) return { response, limit };
      const text = await response.text();
      limit.end();
      return problemOf({ status, text, headers, effect: effectOf(asked) });
    } catch (cause) {
      limit.end();
      return this.#lost(asked, cause);
    }
  }

  #lost(asked: Asked, cause: unknown): Problem {
    if (asked.signal?.aborted === true) throw asked.signal.reason;
    return noAnswer(cause, effectOf(asked), this.settings.url);
  }

  /** Once, whatever is answered. */
  async send(asked: Asked, signal: AbortSignal): Promise<Response> {
    const { method = 'GET', path, query, headers, body, raw } = asked;
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const credential = await this.credential();
    return this.platform.fetch(`${this.settings.url}${path}${queryText(query)}`, {
      method,
      cache: 'no-store',
      signal,
      headers: {
        ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
        ...(sent !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(sent !== undefined && { body: sent }),
    });
  }

  async credential(): Promise<string | undefined> {
    const { apiKey } = this.settings;
    return typeof apiKey === 'function' ? apiKey() : apiKey;
  }
}

const effectOf = ({ method = 'GET' }: Asked): Effect =>
  method === 'GET' || method === 'HEAD' ? 'none' : 'unknown';

function queryText(query: Query = {}): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== undefined) pairs.append(name, String(each));
  }
  return pairs.size === 0 ? '' : `?${pairs}`;
}

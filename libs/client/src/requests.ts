// Requests and their repeats. Each request that changes something is made so that a repeat does no harm: it
// carries ids, a key or a version, or says the same thing again. So whatever may pass is asked again.
//
// (1) Asked again is what the server says may go through unchanged, and what was not answered.
// (2) Not before the server said (`Retry-After`), and with full jitter on top, so that many who were refused
//     at once do not come back at once.
// (3) Attempts have an end, and each a time.

import { deadline, type Platform, pause } from './platform.ts';
import { noAnswer, Problem, problemOf } from './problem.ts';

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

  async ask<T>(asked: Asked): Promise<Answer<T>> {
    const attemptsMax = asked.attemptsMax ?? this.settings.attemptsMax;
    let isUncertain = false;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#attempt<T>(asked);
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
    const { method = 'GET', signal } = asked;
    const effect = method === 'GET' || method === 'HEAD' ? 'none' : 'unknown';
    const limit = deadline(this.platform, asked.timeoutMs ?? this.settings.timeoutMs, signal);
    try {
      const response = await this.send(asked, limit.signal);
      const text = await response.text();
      const { status, headers, ok } = response;
      if (!ok) return problemOf({ status, text, headers, effect });
      return { status, headers, body: (text === '' ? undefined : JSON.parse(text)) as T };
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason;
      return noAnswer(cause, effect);
    } finally {
      limit.end();
    }
  }

  /** Once, whatever is answered. */
  async send(asked: Asked, signal: AbortSignal): Promise<Response> {
    const { method = 'GET', path, query, headers, body } = asked;
    const credential = await this.credential();
    return this.platform.fetch(`${this.settings.url}${path}${queryText(query)}`, {
      method,
      cache: 'no-store',
      signal,
      headers: {
        ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async credential(): Promise<string | undefined> {
    const { apiKey } = this.settings;
    return typeof apiKey === 'function' ? apiKey() : apiKey;
  }
}

function queryText(query: Query = {}): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== undefined) pairs.append(name, String(each));
  }
  return pairs.size === 0 ? '' : `?${pairs}`;
}

import { pause } from './platform.ts';
import { isProblem } from './problem.ts';
import { type Asked, jitterMs, type Requests } from './requests.ts';

export interface Fact<T = unknown> {
  readonly value: T;
  readonly version: number;
}

export interface ListedFact<T = unknown> extends Fact<T> {
  readonly key: string;
  readonly updated_at: string;
}

export interface SwapOptions {
  /** Only while the fact has this version; 0 while it is not there. */
  readonly version?: number;
  readonly signal?: AbortSignal;
}

export interface SignalOptions {
  readonly signal?: AbortSignal;
}

const changesMax = 20;

/** A session's durable facts: small JSON values by key, which compare and swap by their version. */
export class Facts {
  readonly #requests: Requests;
  readonly #path: string;

  constructor(requests: Requests, sessionPath: string) {
    this.#requests = requests;
    this.#path = `${sessionPath}/facts`;
  }

  #pathOf(key: string): string {
    return `${this.#path}/${encodeURIComponent(key)}`;
  }

  /** Undefined where there is none. */
  async get<T = unknown>(
    key: string,
    { signal }: SignalOptions = {},
  ): Promise<Fact<T> | undefined> {
    try {
      const path = this.#pathOf(key);
      const { body, headers } = await this.#requests.ask<T>({ path, signal });
      return { value: body, version: versionIn(headers.get('etag')) };
    } catch (cause) {
      if (isProblem(cause, 'fact-not-found')) return undefined;
      throw cause;
    }
  }

  async list({ signal }: SignalOptions = {}): Promise<readonly ListedFact[]> {
    const path = this.#path;
    return (await this.#requests.json<{ data: readonly ListedFact[] }>({ path, signal })).data;
  }

  /**
   * Tells the version that it has now. A Problem `fact-conflict` where it had another one.
   */
  async put(key: string, value: unknown, options: SwapOptions = {}): Promise<number> {
    const { version, signal } = options;
    const asked: Asked = {
      method: 'PUT',
      path: this.#pathOf(key),
      headers: { ...conditionOf(version), ...this.#requests.once() },
      body: value,
      signal,
    };
    return (await this.#requests.json<{ version: number }>(asked)).version;
  }

  async delete(key: string, { version, signal }: SwapOptions = {}): Promise<void> {
    const headers = { ...conditionOf(version), ...this.#requests.once() };
    await this.#requests.ask({ method: 'DELETE', path: this.#pathOf(key), headers, signal });
  }

  /** Reads, changes and swaps, until no other came between: changed once, however often it was sent. */
  async change<T = unknown>(
    key: string,
    change: (value: T | undefined) => T | Promise<T>,
    { signal }: SignalOptions = {},
  ): Promise<Fact<T>> {
    for (let attempt = 1; ; attempt += 1) {
      const known = await this.get<T>(key, { ...(signal && { signal }) });
      const value = await change(known?.value);
      try {
        const options = { version: known?.version ?? 0, ...(signal && { signal }) };
        return { value, version: await this.put(key, value, options) };
      } catch (cause) {
        if (!isProblem(cause, 'fact-conflict') || attempt === changesMax) throw cause;
        const { platform } = this.#requests;
        await pause(platform, jitterMs(platform, attempt - 1), signal);
      }
    }
  }
}

function conditionOf(version: number | undefined): Record<string, string> {
  if (version === undefined) return {};
  return version === 0 ? { 'if-none-match': '*' } : { 'if-match': `"${version}"` };
}

const versionIn = (etag: string | null): number => Number(etag?.replace(/\D/g, '') ?? 0);

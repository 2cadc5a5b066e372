// Events to an address, some lines a request, in order. A batch that may have arrived is sent again under the same
// `Idempotency-Key`; each line names its session and seq, by which whoever takes it can tell what it has.

import { setTimeout as delay } from 'node:timers/promises';
import { settledBy } from './line-target.ts';
import type { OnSettled, ReplayTarget, TakenBatch } from './replay-target.ts';

interface PostOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onSettled: OnSettled;
}

const attemptsMax = 8;
const firstPauseMs = 200;
const requestMs = 60_000;
/** Of a request: few receivers take more than a MiB without being told. */
const eventsMax = 500;

export class PostTarget implements ReplayTarget {
  readonly #options: PostOptions;

  constructor(options: PostOptions) {
    this.#options = options;
  }

  async take({ partition, lines }: TakenBatch): Promise<void> {
    for (let at = 0; at < lines.length; at += eventsMax) {
      const part = { partition, lines: lines.slice(at, at + eventsMax) };
      await this.#post(part);
      await this.#options.onSettled(settledBy(part), []);
    }
  }

  async endPartition(): Promise<void> {}

  async #post({ partition, lines }: TakenBatch): Promise<void> {
    const { url, headers, signal } = this.#options;
    const body = Buffer.concat(lines.map(({ line }) => line));
    const [first, last] = [lines[0]?.head.offset, lines.at(-1)?.head.offset];
    const named = {
      'content-type': 'application/x-ndjson',
      'idempotency-key': `${partition}-${first}-${last}`,
      ...headers,
    };
    for (let attempt = 1; ; attempt += 1) {
      const failure = await post(url, { headers: named, body, signal });
      if (failure === undefined) return;
      if (!failure.isRepeatable || attempt >= attemptsMax) throw new Error(failure.message);
      await delay(firstPauseMs * 2 ** attempt, undefined, { signal });
    }
  }
}

interface Failure {
  readonly message: string;
  readonly isRepeatable: boolean;
}

async function post(
  url: string,
  request: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array<ArrayBuffer>;
    readonly signal: AbortSignal;
  },
): Promise<Failure | undefined> {
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(requestMs)]);
  let response: Response;
  try {
    response = await fetch(url, { ...request, method: 'POST', signal });
    await response.arrayBuffer();
  } catch (cause) {
    if (request.signal.aborted) throw cause;
    return { message: `${url} does not answer`, isRepeatable: true };
  }
  const { ok, status } = response;
  if (ok) return undefined;
  const isRepeatable = status >= 500 || status === 429 || status === 408;
  return { message: `${url} answers ${status}`, isRepeatable };
}

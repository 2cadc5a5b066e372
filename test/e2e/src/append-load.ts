// Clients that append to many sessions through any process, and repeat what has no answer with the
// same producer sequence until it has one.

import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { json, send } from './http-client.ts';

export interface LoadOptions {
  /** The processes that may be written to now; a client chooses at random each time. */
  readonly writers: () => readonly string[];
  readonly prefix: string;
  readonly clients: number;
  readonly sessions: number;
  readonly appends: number;
  readonly eventsPerAppend: number;
  /** Told after each acknowledged append, with the share of all that is done. */
  readonly onProgress?: (share: number) => void;
}

export interface LoadResult {
  /** By session: every acknowledged event. */
  readonly acknowledged: ReadonlyMap<string, ReadonlySet<string>>;
  /** By session: the seq at which an append said that its first event lies. */
  readonly places: ReadonlyMap<string, ReadonlyMap<number, string>>;
  readonly events: number;
  readonly retries: number;
  readonly duplicates: number;
}

const pathOf = (prefix: string, session: number): string => `/v1/stream/${prefix}/${session}`;

export const sessionPaths = (options: Pick<LoadOptions, 'prefix' | 'sessions'>): string[] =>
  Array.from({ length: options.sessions }, (_, session) => pathOf(options.prefix, session));

export async function createSessions(options: LoadOptions): Promise<void> {
  const { writers } = options;
  await Promise.all(
    sessionPaths(options).map(async (path) => {
      const { status } = await send(`${pick(writers())}${path}`, { method: 'PUT', headers: json });
      if (status !== 201) throw new Error(`not created. path=${path} status=${status}`);
    }),
  );
}

export class AppendLoad {
  readonly #options: LoadOptions;
  readonly #acknowledged = new Map<string, Set<string>>();
  readonly #places = new Map<string, Map<number, string>>();
  #left: number;
  #retries = 0;
  #duplicates = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#left = options.appends;
    for (const path of sessionPaths(options)) {
      this.#acknowledged.set(path, new Set());
      this.#places.set(path, new Map());
    }
  }

  async run(): Promise<LoadResult> {
    const { clients, appends, eventsPerAppend } = this.#options;
    await Promise.all(Array.from({ length: clients }, (_, client) => this.#client(client)));
    return {
      acknowledged: this.#acknowledged,
      places: this.#places,
      events: appends * eventsPerAppend,
      retries: this.#retries,
      duplicates: this.#duplicates,
    };
  }

  async #client(client: number): Promise<void> {
    const { prefix, sessions, eventsPerAppend, appends, onProgress } = this.#options;
    const nextSeq = new Map<string, number>();
    for (let count = 0; this.#left > 0; count += 1) {
      this.#left -= 1;
      const path = pathOf(prefix, randomInt(sessions));
      const seq = nextSeq.get(path) ?? 0;
      nextSeq.set(path, seq + 1);
      const events = Array.from(
        { length: eventsPerAppend },
        (_, index) => `{"client":${client},"count":${count},"index":${index}}`,
      );
      await this.#appendUntilKnown(path, { client, seq, events });
      onProgress?.(1 - this.#left / appends);
    }
  }

  async #appendUntilKnown(
    path: string,
    append: { readonly client: number; readonly seq: number; readonly events: readonly string[] },
  ): Promise<void> {
    const { client, seq, events } = append;
    const request = {
      method: 'POST',
      headers: {
        ...json,
        'producer-id': `client-${client}`,
        'producer-epoch': '0',
        'producer-seq': String(seq),
      },
      body: `[${events.join(',')}]`,
    };
    for (;;) {
      const answer = await send(`${pick(this.#options.writers())}${path}`, request).catch(
        () => undefined,
      );
      if (answer?.status === 200 || answer?.status === 204) {
        for (const event of events) this.#acknowledged.get(path)?.add(event);
        if (answer.status === 204) this.#duplicates += 1;
        else this.#place(path, Number(answer.headers['stream-first-seq']), events);
        return;
      }
      if (answer !== undefined && answer.status < 500) {
        throw new Error(`refused. status=${answer.status} ${answer.body.toString()}`);
      }
      this.#retries += 1;
      await wait(50);
    }
  }

  #place(path: string, firstSeq: number, events: readonly string[]): void {
    for (const [index, event] of events.entries()) {
      this.#places.get(path)?.set(firstSeq + index, event);
    }
  }
}

export function pick<T>(items: readonly T[]): T {
  const item = items[randomInt(items.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

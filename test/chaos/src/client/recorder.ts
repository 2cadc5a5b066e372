import { closeSync, openSync, writeSync } from 'node:fs';
import type { Call, Return, Seen } from '@tidemark/checker';

/** Monotonic and the same for all processes of one machine: entries of several files are in order. */
export const nowAt = (): number => Number(process.hrtime.bigint());

/** Of all processes as well. */
const steadyMs = (): number => nowAt() / 1_000_000;

const bufferedBytesMax = 64 * 1024;

export type Answer = Omit<Return, 'at' | 'kind' | 'op'>;

/** Writes one client's history down, one JSON object a line. */
export class Recorder {
  readonly #file: number;
  readonly #client: string;
  /** Operations on subscriptions that are not answered yet: leases are a matter of time. */
  readonly #leased = new Set<string>();
  #count = 0;
  #lines = '';

  constructor(path: string, client: string) {
    this.#file = openSync(path, 'a');
    this.#client = client;
  }

  /**
   * The shard is one for all: which brokers were deposed is told of all shards at once. No wall time:
   * what a request that was given up renews later, a client cannot know.
   */
  call(call: Omit<Call, 'at' | 'kind' | 'op' | 'client' | 'shard'>): string {
    this.#count += 1;
    const op = `${this.#client}-${this.#count}`;
    const isLeased = call.subscription !== undefined;
    if (isLeased) this.#leased.add(op);
    const time = isLeased ? { steadyMs: steadyMs() } : {};
    this.#add({ kind: 'call', op, client: this.#client, shard: 'any', ...time, ...call });
    return op;
  }

  answer(op: string, answer: Answer): void {
    const time = this.#leased.delete(op) ? { steadyMs: steadyMs() } : {};
    this.#add({ kind: 'return', op, ...time, ...answer });
  }

  drained(from: number): void {
    this.#add({ kind: 'drained', from });
  }

  seen(op: string, seen: Omit<Seen, 'at' | 'kind' | 'op'>): void {
    this.#add({ kind: 'seen', op, ...seen });
  }

  #add(entry: Readonly<Record<string, unknown>>): void {
    this.#lines += `${JSON.stringify({ at: nowAt(), ...entry })}\n`;
    if (this.#lines.length > bufferedBytesMax) this.flush();
  }

  flush(): void {
    writeSync(this.#file, this.#lines);
    this.#lines = '';
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }
}

// Writes to one session on a beat, so that it is known when its shard could not be written.

import { setTimeout as delay } from 'node:timers/promises';
import { Exchange, type Server } from './client/exchange.ts';

const beatMs = 100;
const waitingMax = 300;
const keptMs = 120_000;

export class ShardProbe implements AsyncDisposable {
  readonly #exchange: Exchange;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #acknowledgedMs: number[] = [];
  #waiting = 0;

  constructor(server: Server) {
    this.#exchange = new Exchange(server, 15_000);
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const path = '/v1/stream/probe';
    const headers = { 'content-type': 'text/plain' };
    while (!this.#closing.signal.aborted) {
      const put = await this.#exchange.ask({ method: 'PUT', path, headers });
      if (put.kind === 'answer' && put.status < 300) break;
      await delay(beatMs);
    }
    while (!this.#closing.signal.aborted) {
      if (this.#waiting < waitingMax) void this.#ask(path, headers);
      await delay(beatMs);
    }
  }

  async #ask(path: string, headers: Readonly<Record<string, string>>): Promise<void> {
    this.#waiting += 1;
    const answer = await this.#exchange.ask({ method: 'POST', path, headers, body: '.' });
    this.#waiting -= 1;
    if (answer.kind !== 'answer' || answer.status >= 300) return;
    const nowMs = performance.now();
    this.#acknowledgedMs.push(nowMs);
    const [firstMs = nowMs] = this.#acknowledgedMs;
    if (nowMs - firstMs > 2 * keptMs) {
      this.#acknowledgedMs = this.#acknowledgedMs.filter((atMs) => nowMs - atMs < keptMs);
    }
  }

  get lastMs(): number {
    return this.#acknowledgedMs.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** The longest time without an acknowledgement that touches what came since then. */
  longestGapMs(sinceMs: number): number {
    let longestMs = 0;
    let before: number | undefined;
    for (const atMs of this.#acknowledgedMs) {
      if (before !== undefined && atMs > sinceMs) longestMs = Math.max(longestMs, atMs - before);
      before = atMs;
    }
    return longestMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#exchange.close();
  }
}

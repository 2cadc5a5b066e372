import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from './connection.ts';
import type { LoadOrder, LoadResult } from './order.ts';

const beatMs = 2;
/** Connections that may be opened in one beat: more would be refused by the kernel. */
const openedMax = 20;

export class OpenLoop {
  readonly #order: LoadOrder;
  readonly #request: Buffer;
  readonly #idle: Connection[] = [];
  readonly #latencies: number[] = [];
  readonly #statuses: Record<string, number> = {};
  readonly #bySecond: number[] = [];
  #connections = 0;
  #withoutRetryAfter = 0;
  #unsent = 0;
  #broken = 0;
  #startMs = 0;
  #isOver = false;

  constructor(order: LoadOrder) {
    this.#order = order;
    const { host, path, bodyBytes, headers } = order;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#request = Buffer.from(
      `POST ${path} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('')}content-length: ${bodyBytes}\r\n\r\n${'.'.repeat(bodyBytes)}`,
    );
  }

  async run(): Promise<LoadResult> {
    const { seconds, rate } = this.#order;
    this.#startMs = performance.now();
    const endMs = this.#startMs + seconds * 1_000;
    let due = 0;
    for (let nowMs = this.#startMs; nowMs < endMs; nowMs = performance.now()) {
      this.#open(rate === undefined ? this.#order.connectionsMax : openedMax);
      if (rate !== undefined) {
        const dueNow = Math.floor(((nowMs - this.#startMs) / 1_000) * rate);
        for (; due < dueNow; due += 1) this.#send();
      }
      await delay(beatMs);
    }
    this.#isOver = true;
    // What is under way is still waited for: it belongs to the time.
    await delay(500);
    return this.#result();
  }

  #open(atOnce: number): void {
    const { connectionsMax, rate } = this.#order;
    const isWanted = rate === undefined || this.#idle.length === 0;
    if (!isWanted) return;
    for (let opened = 0; opened < atOnce && this.#connections < connectionsMax; opened += 1) {
      this.#connections += 1;
      new Connection(this.#order, {
        onReady: (connection) => this.#ready(connection),
        onAnswer: (connection, answer) => {
          this.#answered(answer);
          this.#ready(connection);
        },
        onEnd: () => {
          this.#connections -= 1;
          if (!this.#isOver) this.#broken += 1;
        },
      });
    }
  }

  #ready(connection: Connection): void {
    if (this.#isOver) return connection.close();
    if (this.#order.rate === undefined) connection.send(this.#request);
    else this.#idle.push(connection);
  }

  /** In turn, as so many clients would. */
  #send(): void {
    for (;;) {
      const connection = this.#idle.shift();
      if (connection === undefined) {
        this.#unsent += 1;
        return;
      }
      if (!connection.isOpen) continue;
      connection.send(this.#request);
      return;
    }
  }

  #answered({ status, hasRetryAfter, ms }: Parameters<Answered>[1]): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (status < 300) {
      this.#latencies.push(ms);
      const second = Math.floor((performance.now() - this.#startMs) / 1_000);
      this.#bySecond[second] = (this.#bySecond[second] ?? 0) + 1;
    } else if (!hasRetryAfter) this.#withoutRetryAfter += 1;
  }

  #result(): LoadResult {
    const { seconds } = this.#order;
    const sorted = this.#latencies.sort((one, other) => one - other);
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
    return {
      seconds,
      statuses: this.#statuses,
      acceptedRate: sorted.length / seconds,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      withoutRetryAfter: this.#withoutRetryAfter,
      unsent: this.#unsent,
      brokenConnections: this.#broken,
      bySecond: Array.from(this.#bySecond, (count) => count ?? 0),
    };
  }
}

type Answered = ConstructorParameters<typeof Connection>[1]['onAnswer'];

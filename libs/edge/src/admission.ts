// How much may be under way in this process at once. Whoever comes beyond it is refused before any
// of its body is kept.
//
// (1) A write is under way from its head until its answer is closed; reads that wait are not.
// (2) Bytes count as they arrive, not as they are announced: a slow sender holds only what it sent.
// (3) A refusal is answered a moment late, and so many a second: who is refused at once asks again at
//     once, and refusing would leave no time for the work.
// (4) Where the process has more to do than it can, fewer writes are under way: more would not be done
//     sooner. Keys that have less than their share of them find room none the less.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Metrics } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import { AnswerTurns } from './answer-turns.ts';
import { LoopUse } from './loop-use.ts';
import { RefusalQueue } from './refusal-queue.ts';
import { createLoopMeter } from './system.ts';
import type { Answer, Exchange } from './withheld-answer.ts';

export interface AdmissionBounds {
  readonly writesMax: number;
  /** Of one key: others find room. */
  readonly keyWritesMax: number;
  /** While there is more to do than can be done. */
  readonly busyWritesMax: number;
  /** Of all bodies that are under way. */
  readonly bodyBytesMax: number;
  /** Of all large answers that their readers have not taken yet. */
  readonly owedBytesMax: number;
  readonly refusalMs: number;
}

export const admissionDefaults: AdmissionBounds = {
  writesMax: 2_048,
  keyWritesMax: 1_536,
  busyWritesMax: 512,
  bodyBytesMax: 256 * 1024 * 1024,
  owedBytesMax: 512 * 1024 * 1024,
  refusalMs: 250,
};

/** Smaller answers fit into what a socket buffers anyway. */
export const largeAnswerBytes: number = 256 * 1024;

/** How long a reader may take nothing of what it is owed. */
const stalledReaderMs = 30_000;

/** Made once: where they come by the thousand, taking a stack each time is what refusing costs. */
const overloaded = new Problem('overloaded', 'too much is under way');
const rateLimited = new Problem('rate-limited', 'too many writes of this key at once', {
  facts: { retryAfterMs: 1_000 },
});

export interface AdmissionParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Of the loop, since it was asked last. */
  readonly busyShare?: () => number;
}

interface Visit {
  bodyBytes: number;
}

/** On the request itself: a WeakMap's entry for each request is work for the garbage collector. */
const visitOf = Symbol('visit');
type Visited = IncomingMessage & { [visitOf]?: Visit };

export class Admission {
  readonly #bounds: AdmissionBounds;
  readonly #loop: LoopUse;
  readonly #refusals: RefusalQueue;
  readonly #turns: AnswerTurns;
  readonly #byKey = new Map<string, number>();
  readonly #onRefused: (reason: string) => void;
  #writes = 0;
  #bodyBytes = 0;
  #owedBytes = 0;

  constructor(
    { clock, metrics, busyShare = createLoopMeter() }: AdmissionParts,
    bounds: AdmissionBounds = admissionDefaults,
  ) {
    this.#bounds = bounds;
    this.#refusals = new RefusalQueue(clock, bounds.refusalMs);
    this.#turns = new AnswerTurns(clock, () => this.#writes > 0);
    this.#loop = new LoopUse(clock, busyShare);
    const refused = metrics.counter({
      name: 'tidemark_edge_refused_requests_total',
      help: 'requests that found no room in this process',
      labels: ['reason'],
    });
    this.#onRefused = (reason) => refused.add(1, { reason });
    const observe = (name: string, help: string, read: () => number): void =>
      metrics.observedGauge({ name: `tidemark_edge_${name}`, help }, read);
    observe('writes_in_flight', 'writes between their head and their answer', () => this.#writes);
    observe('body_bytes', 'bytes of bodies under way', () => this.#bodyBytes);
    observe('owed_bytes', 'bytes of large answers not taken yet', () => this.#owedBytes);
  }

  /** The Problem where there is no room. `key` tells tenants apart; empty where there is one. */
  enter(key: string, { incoming, outgoing }: Exchange): Problem | undefined {
    const ofKey = this.#byKey.get(key) ?? 0;
    const problem = this.#noRoom(key, ofKey);
    if (problem !== undefined) return problem;
    this.#byKey.set(key, ofKey + 1);
    this.#writes += 1;
    const visit: Visit = { bodyBytes: 0 };
    (incoming as Visited)[visitOf] = visit;
    outgoing.once('close', () => this.#leave(key, visit));
    return undefined;
  }

  #noRoom(key: string, ofKey: number): Problem | undefined {
    const { writesMax, busyWritesMax, keyWritesMax } = this.#bounds;
    if (this.#writes >= writesMax) return this.#overloaded('writes');
    if (key !== '' && ofKey >= keyWritesMax) {
      this.#onRefused('key');
      return rateLimited;
    }
    if (this.#writes < busyWritesMax || !this.#loop.isSaturated) return undefined;
    const share = Math.max(1, busyWritesMax / this.#byKey.size);
    return ofKey < share ? undefined : this.#overloaded('saturated');
  }

  #leave(key: string, visit: Visit): void {
    this.#writes -= 1;
    this.#bodyBytes -= visit.bodyBytes;
    visit.bodyBytes = 0;
    const left = (this.#byKey.get(key) ?? 1) - 1;
    if (left === 0) this.#byKey.delete(key);
    else this.#byKey.set(key, left);
  }

  #overloaded(reason: string): Problem {
    this.#onRefused(reason);
    return overloaded;
  }

  /** Answers a refusal when it is time to. */
  later(answer: Answer): void {
    this.#refusals.add(answer);
  }

  close(): void {
    this.#loop.close();
    this.#refusals.close();
    this.#turns.close();
  }

  /** More of a body came in: it is kept until the answer is closed. */
  hold(incoming: IncomingMessage, bytes: number): Problem | undefined {
    if (this.#bodyBytes + bytes > this.#bounds.bodyBytesMax) return this.#overloaded('bodies');
    const visit = (incoming as Visited)[visitOf];
    if (visit === undefined) return undefined;
    visit.bodyBytes += bytes;
    this.#bodyBytes += bytes;
    return undefined;
  }

  /** A large answer is kept until its reader has taken it; one that takes nothing is left. */
  owe(raw: ServerResponse, bytes: number, send: () => void): void {
    if (this.#owedBytes + bytes > this.#bounds.owedBytesMax) throw this.#overloaded('answers');
    this.#owedBytes += bytes;
    raw.once('close', () => {
      this.#owedBytes -= bytes;
    });
    this.#turns.take(raw, bytes, () => {
      leaveStalled(raw);
      send();
    });
  }
}

/** From here on the connection ends where its reader takes nothing for a while. */
export function leaveStalled(raw: ServerResponse): void {
  raw.setTimeout(stalledReaderMs, () => raw.destroy());
}

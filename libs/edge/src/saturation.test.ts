import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@tidemark/ports';
import { SimulatedClock } from '@tidemark/ports/testing';
import { expect, test } from 'vitest';
import { Admission, admissionDefaults } from './admission.ts';
import { LoopUse } from './loop-use.ts';
import { RefusalQueue } from './refusal-queue.ts';

/** Beats when it is told, and tells how busy the loop was until then. */
class Loop implements Clock {
  #nowMs = 1;
  #busyShare = 0;
  #timer: { readonly dueMs: number; readonly run: () => void } | undefined;

  nowMs = (): number => this.#nowMs;
  monotonicMs = (): number => this.#nowMs;

  schedule(delayMs: number, run: () => void): { cancel: () => void } {
    this.#timer = { dueMs: this.#nowMs + delayMs, run };
    return { cancel: () => undefined };
  }

  beat(busyShare: number): void {
    const { dueMs = 0, run } = this.#timer ?? {};
    this.#nowMs = dueMs;
    this.#busyShare = busyShare;
    run?.();
  }

  busyShare = (): number => this.#busyShare;
}

const noMetrics = {
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined }),
  observedGauge: () => undefined,
  histogram: () => ({ observe: () => undefined }),
};

test('one beat without rest is a pause, two are too much work, and it passes', () => {
  const loop = new Loop();
  const use = new LoopUse(loop, loop.busyShare, () => undefined);
  loop.beat(1);
  expect(use.isSaturated).toBe(false);
  loop.beat(0.9);
  loop.beat(1);
  expect(use.isSaturated).toBe(false);
  loop.beat(1);
  expect(use.isSaturated).toBe(true);
  for (let beat = 0; beat < 6; beat += 1) loop.beat(0.9);
  expect(use.isSaturated).toBe(false);
});

test('with too much work it goes on with the connections that it works for', () => {
  const loop = new Loop();
  const parts = { clock: loop, busyShare: loop.busyShare, metrics: noMetrics };
  const bounds = { ...admissionDefaults, busyConnectionsMax: 2 };
  const admission = new Admission(parts, bounds);
  const sockets = [{}, {}, {}] as const;
  const ask = (index: 0 | 1 | 2, key = 'loud'): string | undefined => {
    const outgoing = new EventEmitter() as unknown as ServerResponse;
    const incoming = { socket: sockets[index] } as unknown as IncomingMessage;
    const problem = admission.enter(key, { incoming, outgoing });
    outgoing.emit('close');
    return problem?.code;
  };
  expect([ask(0), ask(1), ask(2)]).toEqual([undefined, undefined, undefined]);
  loop.beat(1);
  expect([ask(0), ask(1), ask(2)]).toEqual([undefined, undefined, undefined]);
  loop.beat(1);
  expect([ask(2), ask(1), ask(0)]).toEqual([undefined, undefined, 'overloaded']);
  loop.beat(1);
  expect([ask(0), ask(1), ask(2)]).toEqual(['overloaded', undefined, undefined]);
  expect([ask(0, 'quiet'), ask(1, 'other')]).toEqual([undefined, undefined]);
  // One of them has nothing more to do.
  loop.beat(1);
  expect([ask(2), ask(0)]).toEqual([undefined, 'overloaded']);
  loop.beat(1);
  expect([ask(2), ask(0)]).toEqual([undefined, undefined]);
});

test('refusals wait, keep their order and come apart from each other', async () => {
  const clock = new SimulatedClock();
  const queue = new RefusalQueue(clock, 100);
  const startMs = clock.monotonicMs();
  const answered: number[] = [];
  for (let index = 0; index < 50; index += 1) {
    queue.add(() => answered.push(clock.monotonicMs() - startMs));
  }
  await clock.advance(99);
  expect(answered).toEqual([]);
  await clock.advance(100);
  expect(answered).toEqual(Array.from({ length: 50 }, (_, index) => 100 + index));
});

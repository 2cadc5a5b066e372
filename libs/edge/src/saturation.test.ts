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
  #lateMs = 0;
  #timer: { readonly dueMs: number; readonly run: () => void } | undefined;

  nowMs = (): number => this.#nowMs;
  monotonicMs = (): number => this.#nowMs;

  schedule(delayMs: number, run: () => void): { cancel: () => void } {
    this.#timer = { dueMs: this.#nowMs + delayMs, run };
    return { cancel: () => undefined };
  }

  /** The next beat comes so much later. */
  beLate(ms: number): void {
    this.#lateMs = ms;
  }

  beat(busyShare: number): void {
    const { dueMs = 0, run } = this.#timer ?? {};
    this.#nowMs = dueMs + this.#lateMs;
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
  const use = new LoopUse(loop, loop.busyShare);
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

test('with too much work less is under way, and a quiet key finds room beside a loud one', () => {
  const loop = new Loop();
  const bounds = { ...admissionDefaults, writesMax: 32, busyWritesMax: 4 };
  const parts = { clock: loop, busyShare: loop.busyShare, metrics: noMetrics };
  const admission = new Admission(parts, bounds);
  const enter = (key: string): (() => void) | string => {
    const incoming = {} as IncomingMessage;
    const outgoing = Object.assign(new EventEmitter(), {
      req: incoming,
    }) as unknown as ServerResponse;
    const problem = admission.enter(key, { incoming, outgoing });
    return problem?.code ?? (() => void outgoing.emit('close'));
  };
  const ends = ['loud', 'loud', 'loud', 'loud', 'loud'].map(enter);
  expect(ends).not.toContain('overloaded');
  loop.beat(1);
  loop.beat(1);
  expect(enter('loud')).toBe('overloaded');
  expect(['quiet', 'quiet'].map(enter)).not.toContain('overloaded');
  expect(enter('quiet')).toBe('overloaded');
  for (const end of ends) if (typeof end === 'function') end();
  expect(['loud', 'loud'].map(enter)).not.toContain('overloaded');
  expect(enter('loud')).toBe('overloaded');
  for (let beat = 0; beat < 6; beat += 1) loop.beat(0.5);
  expect(enter('loud')).not.toBe('overloaded');
});

test('refusals wait, keep their order and come apart from each other', async () => {
  const clock = new SimulatedClock();
  const queue = new RefusalQueue(clock, { heldMs: 100, apartMs: 1, atOnceMax: 8 });
  const startMs = clock.monotonicMs();
  const answered: number[] = [];
  for (let index = 0; index < 50; index += 1) {
    queue.add(() => answered.push(clock.monotonicMs() - startMs) > 0);
  }
  await clock.advance(99);
  expect(answered).toEqual([]);
  await clock.advance(100);
  expect(answered).toEqual(Array.from({ length: 50 }, (_, index) => 100 + index));
});

/** A loop that looks at its timers only so often. */
function answersOfLateLoop(
  atOnceMax: number,
  isHeard: (index: number) => boolean = () => true,
): number[][] {
  const loop = new Loop();
  const queue = new RefusalQueue(loop, { heldMs: 0, apartMs: 4, atOnceMax });
  let turn: number[] = [];
  for (let index = 0; index < 6; index += 1) {
    queue.add(() => {
      turn.push(index);
      return isHeard(index);
    });
  }
  const turns: number[][] = [];
  for (let count = 0; count < 3; count += 1) {
    loop.beLate(100);
    turn = [];
    loop.beat(1);
    turns.push(turn);
  }
  return turns;
}

test('a loop that was late makes up for few refusals in one turn', () => {
  expect(answersOfLateLoop(1)).toEqual([[0], [1], [2]]);
  expect(answersOfLateLoop(2)).toEqual([
    [0, 1],
    [2, 3],
    [4, 5],
  ]);
});

test('who has gone takes no turn of those who have not', () => {
  expect(answersOfLateLoop(1, (index) => index >= 2)).toEqual([[0, 1, 2], [3], [4]]);
});

import { SimulatedClock } from '@tidemark/ports/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimerWheel } from './timer-wheel.ts';

test('ten thousand deadlines are one pending timer', async () => {
  const clock = new SimulatedClock();
  const wheel = new TimerWheel(clock);
  const fired: number[] = [];
  for (let index = 0; index < 10_000; index += 1) {
    wheel.after(1 + ((index * 9_973) % 60_000), () => fired.push(index));
    expect(clock.pendingCount).toBe(1);
  }
  await clock.advance(30_000);
  expect(clock.pendingCount).toBe(1);
  await clock.advance(30_500);
  expect(new Set(fired).size).toBe(10_000);
  expect(fired).toHaveLength(10_000);
  expect(clock.pendingCount).toBe(0);
  // A tick each quarter of a second, whatever hangs on it.
  expect(clock.firedCount).toBeLessThanOrEqual(242);
});

test('a deadline passes neither early nor more than a tick late, whatever else there is', async () => {
  const deadline = fc.record({
    atMs: fc.integer({ min: 0, max: 2_000 }),
    delayMs: fc.oneof(fc.constantFrom(0, 250, 500), fc.integer({ min: 0, max: 5_000 })),
    isCancelled: fc.boolean(),
    /** Asks for another when it fires, as heartbeats do. */
    again: fc.constantFrom(undefined, 0, 1, 250, 9_000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(deadline, { maxLength: 20 }), async (deadlines) => {
      const clock = new SimulatedClock();
      const wheel = new TimerWheel(clock);
      const late: number[] = [];
      let left = 0;
      const after = (delayMs: number, then: () => void): (() => void) => {
        const dueMs = clock.monotonicMs() + delayMs;
        left += 1;
        return wheel.after(delayMs, () => {
          left -= 1;
          late.push(clock.monotonicMs() - dueMs);
          then();
        });
      };
      for (const { atMs, delayMs, isCancelled, again } of deadlines) {
        clock.schedule(atMs, () => {
          const cancel = after(delayMs, () => {
            if (again !== undefined) after(again, () => undefined);
          });
          if (!isCancelled) return;
          cancel();
          cancel();
          left -= 1;
        });
      }
      await clock.advance(30_000);
      expect(left).toBe(0);
      for (const ms of late) {
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(250);
      }
      expect(clock.pendingCount).toBe(0);
    }),
  );
});

test('a process that stood still makes up for every tick, also while new deadlines come', () => {
  let nowMs = 0;
  let turn = (): void => undefined;
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    schedule: (_delayMs: number, run: () => void) => {
      turn = run;
      return { cancel: () => undefined };
    },
  };
  const wheel = new TimerWheel(clock);
  const fired: number[] = [];
  for (const delayMs of [250, 500, 750, 1_000]) {
    wheel.after(delayMs, () => {
      fired.push(delayMs);
      wheel.after(9_000, () => undefined);
    });
  }
  nowMs = 1_100;
  turn();
  expect(fired).toEqual([250, 500, 750, 1_000]);
});

test('nothing fires once it is closed', async () => {
  const clock = new SimulatedClock();
  const wheel = new TimerWheel(clock);
  let fired = 0;
  wheel.after(1_000, () => {
    fired += 1;
  });
  wheel.close();
  await clock.advance(10_000);
  expect(fired).toBe(0);
  expect(clock.pendingCount).toBe(0);
});

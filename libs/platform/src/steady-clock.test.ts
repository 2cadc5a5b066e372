import { SimulatedClock } from '@tidemark/ports/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SteadyClock } from './steady-clock.ts';

const startMs = 1_700_000_000_000;
const yearMs = 365 * 86_400_000;

function started() {
  const machine = new SimulatedClock(startMs);
  return { machine, clock: new SteadyClock(machine) };
}

test('runs with the machine, and follows its small corrections', async () => {
  const { machine, clock } = started();
  await machine.advance(5_000);
  expect(clock.nowMs()).toBe(startMs + 5_000);
  machine.jump(900);
  expect(clock.nowMs()).toBe(startMs + 5_900);
});

test('stands still for a small step back, until the machine has caught up', async () => {
  const { machine, clock } = started();
  await machine.advance(5_000);
  clock.nowMs();
  machine.jump(-500);
  await machine.advance(200);
  expect(clock.nowMs()).toBe(startMs + 5_000);
  await machine.advance(400);
  expect(clock.nowMs()).toBe(startMs + 5_100);
});

test('a moment in the wrong year is nothing', async () => {
  const { machine, clock } = started();
  machine.jump(20 * yearMs);
  for (let second = 1; second < 60; second += 1) {
    await machine.advance(1_000);
    expect(clock.nowMs()).toBe(startMs + second * 1_000);
  }
  machine.jump(-20 * yearMs);
  await machine.advance(120_000);
  expect(clock.nowMs()).toBe(startMs + 179_000);
});

test('takes a step that has lasted a minute, in either direction', async () => {
  for (const byMs of [3_600_000, -3_600_000]) {
    const { machine, clock } = started();
    machine.jump(byMs);
    clock.nowMs();
    await machine.advance(59_999);
    expect(clock.nowMs()).toBe(byMs > 0 ? startMs + 59_999 : startMs);
    await machine.advance(1);
    expect(clock.nowMs()).toBe(startMs + byMs + 60_000);
  }
});

test('a step that changes has not lasted', async () => {
  const { machine, clock } = started();
  for (let round = 0; round < 10; round += 1) {
    machine.jump(10_000);
    clock.nowMs();
    await machine.advance(30_000);
  }
  expect(clock.nowMs()).toBe(startMs + 300_000);
});

test('never goes back but for a step that has lasted', async () => {
  const change = fc.record({
    byMs: fc.integer({ min: -100_000, max: 100_000 }),
    afterMs: fc.integer({ min: 0, max: 5_000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 11 }), async (changes) => {
      const { machine, clock } = started();
      let before = clock.nowMs();
      for (const { byMs, afterMs } of changes) {
        machine.jump(byMs);
        await machine.advance(afterMs);
        const nowMs = clock.nowMs();
        expect(nowMs).toBeGreaterThanOrEqual(before);
        before = nowMs;
      }
    }),
    { numRuns: 50 },
  );
});

import { describe, expect, test } from 'vitest';
import { sleep } from '../clock.ts';
import { SeededPrng } from './seeded-prng.ts';
import { SimulatedClock } from './simulated-clock.ts';

describe('SimulatedClock', () => {
  test('timers fire by instant, then by the order of their making', async () => {
    const clock = new SimulatedClock(1_000);
    const fired: string[] = [];
    for (const [name, delayMs] of [
      ['c', 20],
      ['a', 10],
      ['b', 10],
      ['d', 30],
    ] as const) {
      clock.schedule(delayMs, () => fired.push(`${name}@${clock.nowMs()}`));
    }
    await clock.advance(20);
    expect(fired).toEqual(['a@1010', 'b@1010', 'c@1020']);
    await clock.runUntilIdle();
    expect(fired.at(-1)).toBe('d@1030');
    expect([clock.monotonicMs(), clock.pendingCount, clock.firedCount]).toEqual([30, 0, 4]);
  });

  test('a cancelled timer does not fire, and only that one', async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    const timers = ['a', 'b', 'c'].map((name) => clock.schedule(5, () => fired.push(name)));
    timers[1]?.cancel();
    timers[1]?.cancel();
    await clock.runUntilIdle();
    timers[0]?.cancel();
    expect(fired).toEqual(['a', 'c']);
  });

  test('a timer sees what the one before it made ready', async () => {
    const clock = new SimulatedClock();
    const seen: string[] = [];
    const waits = async (): Promise<void> => {
      await sleep(clock, 5);
      await Promise.resolve();
      seen.push('after the first');
    };
    const waiting = waits();
    clock.schedule(5, () => seen.push('second'));
    await clock.runUntil(waiting);
    await clock.runUntilIdle();
    expect(seen).toEqual(['after the first', 'second']);
  });

  test('a jump moves the wall clock alone', async () => {
    const clock = new SimulatedClock(1_000);
    clock.jump(-500);
    await clock.advance(10);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([510, 10]);
  });

  test('a promise that nothing settles is told', async () => {
    const clock = new SimulatedClock();
    await expect(clock.runUntil(new Promise(() => undefined))).rejects.toThrow('no timer brings');
  });
});

describe('SeededPrng', () => {
  test('a seed gives its own numbers, a fork others', () => {
    const draw = (prng: SeededPrng): string => prng.bytes(16).join();
    expect(draw(new SeededPrng(5))).toBe(draw(new SeededPrng(5)));
    expect(draw(new SeededPrng(5))).not.toBe(draw(new SeededPrng(6)));
    expect(draw(new SeededPrng(5).fork('a'))).toBe(draw(new SeededPrng(5).fork('a')));
    expect(draw(new SeededPrng(5).fork('a'))).not.toBe(draw(new SeededPrng(5).fork('b')));
  });

  test('draws are even and stay below their bound', () => {
    const prng = new SeededPrng(3);
    const counts = [0, 0, 0, 0, 0];
    for (let draw = 0; draw < 10_000; draw += 1) counts[prng.below(5)]! += 1;
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(200);
    expect(counts.length).toBe(5);
  });
});

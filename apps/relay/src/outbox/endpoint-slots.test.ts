import { SimulatedClock } from '@tidemark/ports/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { EndpointSlots, type Slot } from './endpoint-slots.ts';

const { signal } = new AbortController();
let clock: SimulatedClock;
let slots: EndpointSlots;

beforeEach(() => {
  clock = new SimulatedClock();
  slots = new EndpointSlots(clock, { endpointMax: 2, tenantMax: 3, processMax: 4 });
});

interface Wish {
  slot?: Slot;
}

async function wish(tenant: string, url: string): Promise<Wish> {
  const made: Wish = {};
  void slots.enter(tenant, url, signal).then((slot) => {
    made.slot = slot;
  });
  await clock.advance(0);
  return made;
}

const isIn = ({ slot }: Wish): boolean => slot !== undefined;

async function end({ slot }: Wish, isGood: boolean): Promise<void> {
  slot?.heard(isGood);
  slot?.[Symbol.dispose]();
  await clock.advance(0);
}

describe('EndpointSlots', () => {
  test('an endpoint has a few at once, and those behind them wait for it alone', async () => {
    const wishes = [await wish('a', 'one'), await wish('a', 'one'), await wish('a', 'one')];
    expect(wishes.map(isIn)).toEqual([true, true, false]);
    expect(isIn(await wish('a', 'two'))).toBe(true);
    await end(wishes[0] as Wish, true);
    expect(isIn(wishes[2] as Wish)).toBe(true);
  });

  test('a tenant that has enough under way is in nobody else’s way', async () => {
    const own = [await wish('a', 'one'), await wish('a', 'two'), await wish('a', 'three')];
    const waiting = await wish('a', 'four');
    expect([isIn(waiting), isIn(await wish('b', 'one'))]).toEqual([false, true]);
    await end(own[0] as Wish, true);
    expect(isIn(waiting)).toBe(true);
  });

  test('what the process has no room for goes first when something ends', async () => {
    const all = [
      await wish('a', 'one'),
      await wish('a', 'two'),
      await wish('b', 'one'),
      await wish('b', 'two'),
    ];
    const [first, second] = [await wish('c', 'one'), await wish('c', 'two')];
    expect([first, second].map(isIn)).toEqual([false, false]);
    await end(all[0] as Wish, true);
    expect([first, second].map(isIn)).toEqual([true, false]);
    expect(slots.count).toBe(4);
  });

  test('one that failed has a single one after a pause, which grows, until it answers', async () => {
    await end(await wish('a', 'one'), false);
    const pausesMs: number[] = [];
    for (let failures = 0; failures < 10; failures += 1) {
      const startMs = clock.monotonicMs();
      const [next, other] = [await wish('a', 'one'), await wish('a', 'one')];
      expect([next, other].map(isIn)).toEqual([false, false]);
      while (!isIn(next)) await clock.advance(100);
      expect(isIn(other)).toBe(false);
      pausesMs.push(clock.monotonicMs() - startMs);
      await end(next, false);
      while (!isIn(other)) await clock.advance(100);
      await end(other, failures < 9 ? false : true);
    }
    expect(pausesMs[0]).toBe(500);
    expect(pausesMs[1]).toBe(2_000);
    expect(pausesMs.at(-1)).toBe(60_000);
    const after = [await wish('a', 'one'), await wish('a', 'one')];
    expect(after.map(isIn)).toEqual([true, true]);
  });

  test('whoever gives up leaves its place', async () => {
    const stop = new AbortController();
    const held = [await wish('a', 'one'), await wish('a', 'one')];
    const gone = slots.enter('a', 'one', stop.signal).catch(() => 'gave up');
    const next = await wish('a', 'one');
    stop.abort();
    expect(await gone).toBe('gave up');
    await end(held[0] as Wish, true);
    expect(isIn(next)).toBe(true);
  });
});

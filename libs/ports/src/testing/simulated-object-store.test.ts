import { bytesOf, textOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { isFault } from '../fault.ts';
import { type FaultKind, faultAtCall, withEveryFault } from './faults.ts';
import { SeededPrng } from './seeded-prng.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { SimulatedObjectStore } from './simulated-object-store.ts';

const effectOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'answered',
    (cause: unknown) => (isFault(cause) ? cause.effect : cause),
  );

describe('SimulatedObjectStore', () => {
  test('each kind of fault says what the caller can know', async () => {
    const expected: Record<FaultKind, [effect: string, isStored: boolean]> = {
      before: ['none', false],
      'lost-request': ['unknown', false],
      'lost-reply': ['unknown', true],
      late: ['unknown', true],
      twice: ['answered', true],
    };
    for (const [kind, [effect, isStored]] of Object.entries(expected)) {
      const clock = new SimulatedClock();
      const { faults } = faultAtCall(1, kind as FaultKind);
      const store = new SimulatedObjectStore({ clock, prng: new SeededPrng(1), faults });
      const put = store.connect('a').putIfAbsent('k', bytesOf('x'));
      expect(await clock.runUntil(effectOf(put))).toBe(effect);
      await clock.runUntilIdle();
      expect(store.objects().has('k')).toBe(isStored);
    }
  });

  test('an etag comes back with the same body, as on S3', async () => {
    const clock = new SimulatedClock();
    const handle = new SimulatedObjectStore({
      clock,
      prng: new SeededPrng(1),
      instant: true,
    }).connect('a');
    const one = await handle.putIfAbsent('one', bytesOf('same'));
    const two = await handle.putIfAbsent('two', bytesOf('same'));
    expect(one).toEqual(two);
  });

  test('a sweep over every fault ends with a clean run', async () => {
    const runs = await withEveryFault(async (faultAt) => {
      const clock = new SimulatedClock();
      const fault = faultAtCall(faultAt, 'before');
      const { faults } = fault;
      const store = new SimulatedObjectStore({ clock, prng: new SeededPrng(1), faults });
      const handle = store.connect('a');
      const body = async (): Promise<void> => {
        await handle.putIfAbsent('a', bytesOf('1'));
        await handle.putIfAbsent('b', bytesOf('2'));
        await handle.get('b');
      };
      await clock.runUntil(effectOf(body()));
      return fault.hasFaulted() ? 'faulted' : 'clean';
    }, 10);
    expect(runs).toBe(4);
  });

  test('a corrupted object keeps its etag', async () => {
    const clock = new SimulatedClock();
    const store = new SimulatedObjectStore({ clock, prng: new SeededPrng(1), instant: true });
    const handle = store.connect('a');
    await handle.putIfAbsent('k', bytesOf('b'));
    store.corrupt('k', 0);
    expect(textOf((await handle.get('k'))?.body ?? bytesOf(''))).toBe('c');
  });
});

import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { describe, expect, test } from 'vitest';
import { Fairness } from './fairness.ts';
import { DelayedLog } from './testing/delayed-log.ts';
import { append, plain, type SimulatedProcess, startProcess } from './testing.ts';
import type { WriterSettings } from './writer-settings.ts';

const hot = 'hot' as SessionName;

interface Share {
  appends: number;
  worstWaitMs: number;
}

async function appendUntil(
  { writes, tenant }: SimulatedProcess,
  share: Share,
  { clock, endMs }: { readonly clock: SimulatedClock; readonly endMs: number },
): Promise<void> {
  const command = append('1');
  while (clock.monotonicMs() < endMs) {
    const startMs = clock.monotonicMs();
    await writes.append(tenant, hot, command);
    share.appends += 1;
    share.worstWaitMs = Math.max(share.worstWaitMs, clock.monotonicMs() - startMs);
  }
}

interface Race {
  readonly slowness: number;
  readonly seed: number;
  readonly clients: number;
  readonly writer?: Partial<WriterSettings>;
}

/** Two writers of which the second is so many times slower, both with closed-loop clients. */
async function race({ slowness, seed, clients, writer = {} }: Race): Promise<readonly Share[]> {
  const clock = new SimulatedClock();
  const prng = new SeededPrng(seed);
  const simulated = new SimulatedEventLog({ clock, prng: prng.fork('log'), instant: true });
  const wayMs = (factor: number) => [0.5 * factor, factor] as const;
  const start = (name: string, factor: number): Promise<SimulatedProcess> => {
    const own = prng.fork(name);
    const connected = simulated.connect(name);
    const log = new DelayedLog({ log: connected, clock, prng: own, wayMs: wayMs(factor) });
    return clock.runUntil(startProcess({ log, clock, prng: own, writer }));
  };
  const fast = await start('fast', 1);
  const slow = await start('slow', slowness);
  await clock.runUntil(fast.writes.create(fast.tenant, hot, plain));
  const endMs = clock.monotonicMs() + 2_000;
  const shares = [fast, slow].map((process) => {
    const share: Share = { appends: 0, worstWaitMs: 0 };
    const loops = Array.from({ length: clients }, () =>
      appendUntil(process, share, { clock, endMs }),
    );
    return { share, loops };
  });
  await clock.runUntil(Promise.all(shares.flatMap(({ loops }) => loops)));
  return shares.map(({ share }) => share);
}

describe('two writers on one hot session', () => {
  test.each([
    { slowness: 4, seed: 1, clients: 16 },
    { slowness: 4, seed: 2, clients: 16 },
    { slowness: 4, seed: 3, clients: 16 },
    { slowness: 4, seed: 4, clients: 1 },
    { slowness: 2, seed: 5, clients: 16 },
    { slowness: 1, seed: 6, clients: 16 },
  ])('share it: $slowness times slower, $clients clients each, seed $seed', async (way) => {
    const [fast, slow] = (await race(way)) as [Share, Share];
    const appends = slow.appends + fast.appends;
    const share = slow.appends / appends;
    console.log(
      `measured: ${way.slowness} times slower: ${(100 * share).toFixed(1)} % of ${appends} appends, ` +
        `worst wait ${slow.worstWaitMs.toFixed(0)} ms, of the other ${fast.worstWaitMs.toFixed(0)} ms`,
    );
    expect(share).toBeGreaterThanOrEqual(0.1);
    expect(slow.worstWaitMs).toBeLessThan(200);
    expect(fast.worstWaitMs).toBeLessThan(200);
  });
});

test('without holds the slower of two writers starves', async () => {
  const writer = { holdMsMin: 0, holdMsMax: 0 };
  const [fast, slow] = (await race({ slowness: 4, seed: 1, clients: 16, writer })) as [
    Share,
    Share,
  ];
  expect(slow.appends / (slow.appends + fast.appends)).toBeLessThan(0.02);
});

describe('a hold', () => {
  const bounds = { holdMsMin: 2, holdMsMax: 16 };

  test('doubles while voids keep coming behind it, up to its ceiling', () => {
    const fairness = new Fairness(bounds);
    const held = [0, 2, 6, 14, 30].map((nowMs) => {
      fairness.sawForeignVoid('a', nowMs);
      return fairness.heldForMs('a', nowMs);
    });
    expect(held).toEqual([2, 4, 8, 16, 16]);
  });

  test('is one for all the voids of a batch', () => {
    const fairness = new Fairness(bounds);
    for (let index = 0; index < 16; index += 1) fairness.sawForeignVoid('a', 0);
    expect(fairness.heldForMs('a', 0)).toBe(2);
  });

  test('shrinks once it has let another in', () => {
    const fairness = new Fairness(bounds);
    for (const nowMs of [0, 2, 6]) fairness.sawForeignVoid('a', nowMs);
    fairness.sawForeignRecord('a');
    fairness.sawForeignVoid('a', 14);
    expect(fairness.heldForMs('a', 14)).toBe(4);
  });

  test('is for one session, passes, and starts over after a quiet time', () => {
    const fairness = new Fairness(bounds);
    fairness.sawForeignVoid('a', 0);
    fairness.sawForeignVoid('a', 2);
    expect(fairness.heldForMs('b', 2)).toBe(0);
    expect(fairness.heldForMs('a', 3)).toBe(3);
    expect(fairness.heldForMs('a', 6)).toBe(0);
    expect(fairness.heldForMs('a', 1_000)).toBe(0);
    expect(fairness.isEmpty).toBe(true);
    fairness.sawForeignVoid('a', 1_001);
    expect(fairness.heldForMs('a', 1_001)).toBe(2);
  });

  test('is forgotten for sessions that nobody writes to any more', () => {
    const fairness = new Fairness(bounds);
    for (let index = 0; index < 1_000; index += 1) fairness.sawForeignVoid(`s${index}`, index);
    expect(fairness.heldForMs('other', 5_000)).toBe(0);
    expect(fairness.isEmpty).toBe(true);
  });

  test('lasts a round trip at least', () => {
    const fairness = new Fairness({ holdMsMin: 1, holdMsMax: 100 });
    for (let index = 0; index < 100; index += 1) fairness.sawRoundTrip(12);
    fairness.sawForeignVoid('a', 0);
    expect(fairness.heldForMs('a', 0)).toBeCloseTo(12, 3);
  });
});

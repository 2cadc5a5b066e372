import { present } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { type AppendOutcome, type Shard, shardOf } from '../event-log.ts';
import { recordOf } from './event-log-contract.ts';
import { faultAtCall, noFaults, randomFaults } from './faults.ts';
import { SeededPrng } from './seeded-prng.ts';
import { SimulatedClock } from './simulated-clock.ts';
import {
  SimulatedEventLog,
  type SimulatedEventLogOptions,
  type SimulatedLogHandle,
} from './simulated-event-log.ts';

const shard = shardOf('t', 0);

const simulated = (
  options: Partial<SimulatedEventLogOptions> = {},
): { clock: SimulatedClock; log: SimulatedEventLog } => {
  const clock = new SimulatedClock();
  const log = new SimulatedEventLog({ clock, prng: new SeededPrng(7), ...options });
  log.createTopic('t', 1);
  return { clock, log };
};

const append = (handle: SimulatedLogHandle, text: string): Promise<AppendOutcome | undefined> =>
  present(handle.append(new Map([[shard, () => [recordOf(text)]]])).get(shard), 'outcome');

const textsIn = (log: SimulatedEventLog, of: Shard = shard): string[] =>
  log.records(of).map((record) => new TextDecoder().decode(record.value));

describe('SimulatedEventLog', () => {
  test('a fault before the effect is refused and leaves nothing', async () => {
    const { clock, log } = simulated({ faults: faultAtCall(1, 'before').faults });
    const outcome = await clock.runUntil(append(log.connect('a'), 'x'));
    expect(outcome).toMatchObject({ kind: 'not-committed', retryable: true });
    await clock.runUntilIdle();
    expect(textsIn(log)).toEqual([]);
  });

  test('a lost reply and a lost request look the same to the caller', async () => {
    for (const [kind, expected] of [
      ['lost-reply', ['x']],
      ['lost-request', []],
    ] as const) {
      const { clock, log } = simulated({ faults: faultAtCall(1, kind).faults });
      const outcome = await clock.runUntil(append(log.connect('a'), 'x'));
      expect(outcome?.kind).toBe('unknown');
      await clock.runUntilIdle();
      expect(textsIn(log)).toEqual(expected);
    }
  });

  test('what is late lands after its writer went on', async () => {
    const { clock, log } = simulated({
      faults: faultAtCall(1, 'late').faults,
      delays: { lateMs: [60_000, 60_001] },
    });
    const handle = log.connect('a');
    expect((await clock.runUntil(append(handle, 'late')))?.kind).toBe('unknown');
    expect((await clock.runUntil(append(handle, 'next')))?.kind).toBe('committed');
    expect(textsIn(log)).toEqual(['next']);
    await clock.runUntilIdle();
    expect(textsIn(log)).toEqual(['next', 'late']);
  });

  test('what arrives twice is answered for its first place', async () => {
    const { clock, log } = simulated({ faults: faultAtCall(1, 'twice').faults });
    const outcome = await clock.runUntil(append(log.connect('a'), 'x'));
    expect(outcome).toMatchObject({ kind: 'committed', baseOffset: 0n });
    await clock.runUntilIdle();
    expect(textsIn(log)).toEqual(['x', 'x']);
  });

  test('nobody sees what is not committed, and a fail-over makes its outcome unknown', async () => {
    const { clock, log } = simulated({ delays: { replicationMs: [1_000, 1_001] } });
    const handle = log.connect('a');
    const outcome = append(handle, 'x');
    await clock.advance(100);
    expect(log.bounds(shard).end).toBe(0n);
    expect(textsIn(log)).toEqual([]);
    log.failOver(shard);
    expect((await clock.runUntil(outcome))?.kind).toBe('unknown');
    await clock.runUntilIdle();
    expect(textsIn(log).length).toBe(Number(log.bounds(shard).end));
  });

  test('a fail-over keeps a batch in some runs and drops it in others, whole', async () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      const { clock, log } = simulated({
        prng: new SeededPrng(seed),
        delays: { replicationMs: [1_000, 1_001] },
      });
      const batch = () => [recordOf('a'), recordOf('b')];
      const outcome = log.connect('a').append(new Map([[shard, batch]]));
      await clock.advance(100);
      log.failOver(shard);
      await clock.runUntil(present(outcome.get(shard), 'outcome'));
      seen.add(textsIn(log).length);
    }
    expect(seen).toEqual(new Set([0, 2]));
  });

  test('a writer under a new leader has one unknown outcome, then another tenure', async () => {
    const { clock, log } = simulated();
    const handle = log.connect('a');
    const first = await clock.runUntil(append(handle, 'x'));
    log.failOver(shard);
    expect((await clock.runUntil(append(handle, 'y')))?.kind).toBe('unknown');
    const third = await clock.runUntil(append(handle, 'z'));
    expect(third?.kind).toBe('committed');
    expect(third).not.toMatchObject({ tenure: first?.kind === 'committed' && first.tenure });
  });

  test('a deposed leader answers an old end only where that is switched on', async () => {
    for (const [deposedBoundsRate, expected] of [
      [1, 1n],
      [0, 2n],
    ] as const) {
      const { clock, log } = simulated({ deposedBoundsRate, deposedMs: 100_000 });
      await clock.runUntil(append(log.connect('a'), 'x'));
      log.failOver(shard);
      await clock.runUntil(append(log.connect('b'), 'y'));
      const bounds = await clock.runUntil(log.connect('c').bounds([shard]));
      expect(bounds.get(shard)).toEqual({ start: 0n, end: expected });
    }
  });

  test('a crashed handle hears nothing and sends nothing', async () => {
    const { clock, log } = simulated();
    const handle = log.connect('a');
    handle.crash();
    let isAnswered = false;
    const answered = (): void => {
      isAnswered = true;
    };
    void append(handle, 'x').then(answered);
    void handle.bounds([shard]).then(answered);
    void handle.trim(shard, 0n).then(answered, answered);
    const read = handle.read(shard, { from: 0n, signal: new AbortController().signal });
    void read[Symbol.asyncIterator]().next().then(answered);
    await clock.runUntilIdle();
    await clock.runUntil(append(log.connect('b'), 'y'));
    await clock.runUntilIdle();
    expect(isAnswered).toBe(false);
    expect(textsIn(log)).toEqual(['y']);
  });

  test('calls are counted by handle', async () => {
    const { clock, log } = simulated({ instant: true });
    const [one, other] = [log.connect('a'), log.connect('b')];
    await clock.runUntil(append(one, 'x'));
    await clock.runUntil(other.bounds([shard]));
    expect(one.counts).toEqual({ produce: 1, fetch: 0, bounds: 0, trim: 0 });
    expect(other.counts).toEqual({ produce: 0, fetch: 0, bounds: 1, trim: 0 });
  });

  test('held commits are seen by nobody until they are let go', async () => {
    const { clock, log } = simulated({ instant: true });
    const release = log.holdCommits();
    const outcome = append(log.connect('a'), 'x');
    await clock.advance(1_000);
    expect(textsIn(log)).toEqual([]);
    release();
    expect((await clock.runUntil(outcome))?.kind).toBe('committed');
    expect(textsIn(log)).toEqual(['x']);
  });

  test('readers pass over skipped offsets and see foreign records', async () => {
    const { clock, log } = simulated({ instant: true });
    log.injectSkip(shard, 3);
    expect(log.injectForeign(shard, recordOf('foreign'))).toBe(3n);
    const read = log.connect('a').read(shard, { from: 0n, signal: new AbortController().signal });
    const chunk = await clock.runUntil(read[Symbol.asyncIterator]().next());
    expect(chunk.value.nextOffset).toBe(4n);
    expect(chunk.value.records.map((record: { offset: bigint }) => record.offset)).toEqual([3n]);
  });

  test('one seed gives one history', async () => {
    const history = async (seed: number): Promise<string> => {
      const prng = new SeededPrng(seed);
      const rates = { before: 0.1, 'lost-request': 0.1, 'lost-reply': 0.1, late: 0.1, twice: 0.1 };
      const faults = randomFaults(prng.fork('faults'), rates);
      const { clock, log } = simulated({ prng: prng.fork('log'), faults });
      const write = async (handle: SimulatedLogHandle): Promise<void> => {
        for (let count = 0; count < 50; count += 1) {
          const outcome = await append(handle, `${handle.name}${count}`);
          if (outcome?.kind === 'unknown' && count % 5 === 0) log.failOver(shard);
        }
      };
      await clock.runUntil(Promise.all([write(log.connect('a')), write(log.connect('b'))]));
      log.setFaults(noFaults);
      await clock.runUntilIdle();
      return `${textsIn(log).join()} ${clock.firedCount} ${clock.monotonicMs()}`;
    };
    expect(await history(1)).toBe(await history(1));
    expect(await history(1)).not.toBe(await history(2));
  });
});

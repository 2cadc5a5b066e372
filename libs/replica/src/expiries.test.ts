import { SeededPrng, type SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { textOf } from '@tidemark/std';
import { expect, test, vi } from 'vitest';
import { expiryDefaults } from './expiries.ts';
import {
  plain,
  type SimulatedProcess,
  SimulatedPublications,
  startInstant,
  startProcess,
} from './testing.ts';

const { sweepEveryMs, agendaEveryMs, againAfterMsMax, endsMax } = expiryDefaults;
/** By then each process has swept since. */
const sweptMs = 2 * sweepEveryMs;
const sweptAgendaMs = agendaEveryMs + sweptMs;

const nameOf = (index: number): SessionName => `s${index}` as SessionName;

const shardOf = ({ shards, tenant }: SimulatedProcess) => shards.locate(tenant, 'any').replica;

const stateOf = (process: SimulatedProcess, name: string) =>
  shardOf(process).fold.table.resident(name)?.state;

/** Sessions that are live in the log. */
async function liveNames(process: SimulatedProcess): Promise<string[]> {
  const names: string[] = [];
  for await (const { life, name } of shardOf(process).scan('')) {
    if (life === 'live') names.push(name);
  }
  return names;
}

const expiriesIn = (simulated: SimulatedEventLog, process: SimulatedProcess): number =>
  simulated
    .records(shardOf(process).shard)
    .filter(({ headers }) => textOf(headers).includes('expire')).length;

/** A process that has published all, and another that begins with that. */
async function startPublished(fill: (process: SimulatedProcess) => Promise<void>) {
  const prng = new SeededPrng(7);
  const first = await startInstant();
  const { simulated, clock } = first;
  const publications = new SimulatedPublications({ clock, prng });
  await fill(first);
  await publications.publish(shardOf(first));
  first.writers.close();
  await first.shards[Symbol.asyncDispose]();
  const log = simulated.connect('two');
  const process = await startProcess({ log, clock, prng, publications });
  await shardOf(process).readIndex();
  return { process, clock, simulated };
}

test('a stream whose time is over ends though nobody asks for it, and not before', async () => {
  const process = await startInstant();
  const { writes, tenant, clock } = process;
  await writes.create(tenant, nameOf(0), { ...plain, ttlMs: 80_000 });
  await writes.create(tenant, nameOf(1), { ...plain, expiresAtMs: clock.nowMs() + 200_000 });
  await writes.create(tenant, nameOf(2), plain);
  await clock.advance(80_000);
  expect(await liveNames(process)).toEqual(['s0', 's1', 's2']);
  await clock.advance(10_000 + sweptMs);
  expect(await liveNames(process)).toEqual(['s1', 's2']);
  await clock.advance(200_000);
  expect(await liveNames(process)).toEqual(['s2']);
});

test('a stream that is renewed lives on, and ends that much later', async () => {
  const process = await startInstant();
  const { writes, tenant, clock } = process;
  await writes.create(tenant, nameOf(0), { ...plain, ttlMs: 80_000 });
  await clock.advance(70_000);
  await writes.submit(tenant, nameOf(0), { kind: 'touch' });
  await clock.advance(80_000);
  expect(await liveNames(process)).toEqual(['s0']);
  await clock.advance(10_000 + sweptMs);
  expect(await liveNames(process)).toEqual([]);
});

test('of what is published only what is due is looked up', async () => {
  const { process, clock } = await startPublished(async ({ writes, tenant }) => {
    for (let index = 0; index < 300; index += 1) {
      const ttlMs = index < 3 ? 80_000 : 8_000_000;
      await writes.create(tenant, nameOf(index), { ...plain, ttlMs });
    }
  });
  const { published } = shardOf(process).fold.table;
  const loads = vi.spyOn(published as NonNullable<typeof published>, 'load');
  await clock.advance(90_000 + sweptAgendaMs);
  expect(await liveNames(process)).toHaveLength(297);
  const names = loads.mock.calls.flatMap(([keys]) => keys);
  expect(names.sort()).toEqual(['s0', 's1', 's2']);
});

test('a published source of forks ends at its time, though its forks are due before it', async () => {
  const { process, clock } = await startPublished(async ({ writes, tenant }) => {
    await writes.create(tenant, nameOf(0), { ...plain, ttlMs: 8_000_000 });
    const fork = { source: nameOf(0), offset: undefined, subOffset: 0 };
    await writes.create(tenant, nameOf(1), { ...plain, expiresAtMs: 9e12, fork });
  });
  await clock.advance(9_000_000 + sweptAgendaMs);
  expect(stateOf(process, nameOf(0))?.life).toBe('gone');
  expect(await liveNames(process)).toEqual(['s1']);
});

test('of several processes that sweep, one ends a stream', async () => {
  const one = await startInstant();
  const { writes, tenant, clock, simulated } = one;
  const others = await Promise.all(
    ['two', 'three'].map((name) =>
      startProcess({ log: simulated.connect(name), clock, prng: new SeededPrng(1).fork(name) }),
    ),
  );
  for (const process of others) shardOf(process).retain();
  for (let index = 0; index < 50; index += 1) {
    await writes.create(tenant, nameOf(index), { ...plain, ttlMs: 80_000 });
  }
  await clock.advance(90_000 + sweptMs);
  expect(await liveNames(one)).toEqual([]);
  expect(expiriesIn(simulated, one)).toBe(50);
});

test('a sweep ends so many at once, and the next ones go on', async () => {
  const process = await startInstant();
  const { writes, tenant, clock } = process;
  const count = endsMax + 500;
  const indices = Array.from({ length: count }, (_, index) => index);
  await Promise.all(
    indices.map((index) => writes.create(tenant, nameOf(index), { ...plain, ttlMs: 80_000 })),
  );
  let left = count;
  while (left === count) {
    await clock.advance(1_000);
    left = (await liveNames(process)).length;
  }
  expect(left).toBe(500);
  await clock.advance(sweptMs);
  expect(await liveNames(process)).toEqual([]);
});

test('an end that cannot be written is tried again, never later than its ceiling after the last time', async () => {
  const process = await startInstant({ writer: { deadlineMs: 1_000 } });
  const { writes, tenant, clock, simulated } = process;
  await writes.create(tenant, nameOf(0), { ...plain, ttlMs: 80_000 });
  simulated.setFaults((call) => (call === 'append' ? 'before' : undefined));
  await clock.advance(6 * 3_600_000);
  simulated.setFaults();
  expect(await liveNames(process)).toEqual(['s0']);
  await clock.advance(againAfterMsMax + sweptMs);
  expect(await liveNames(process)).toEqual([]);
});

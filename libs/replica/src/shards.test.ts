import { type Shard, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog, settle } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { describe, expect, test } from 'vitest';
import { Shards } from './shards.ts';
import { shardsOf } from './tenants.ts';
import { plain, startInstant, startProcess } from './testing.ts';

/** Shards of a second process on the same log, not started yet. */
function besides({
  simulated,
  clock,
}: {
  readonly simulated: SimulatedEventLog;
  readonly clock: SimulatedClock;
}): Shards {
  const log = simulated.connect('two');
  const parts = { log, clock, logger: silentLogger, metrics: silentMetrics };
  return new Shards(parts, { memoryBytesMax: 1_024 * 1_024 });
}

test('the directory that was asked for before the start is whole', async () => {
  await using one = await startInstant();
  await using shards = besides(one);
  await shards.currentDirectory();
  await shards.start();
  expect(shards.directory.default).toBeDefined();
});

test('a control log that stops before it had a directory is not an unhandled failure', async () => {
  await using one = await startInstant();
  await using shards = besides(one);
  shards.control.stop('log-lost', 'planted');
  await expect(shards.currentDirectory()).rejects.toMatchObject({ code: 'shard-stopped' });
});

test('a log that is not there yet is followed from when it is', async () => {
  const clock = new SimulatedClock();
  const prng = new SeededPrng(1);
  const simulated = new SimulatedEventLog({ clock, prng, instant: true });
  await using early = besides({ simulated, clock });
  early.control.retain();
  await expect(early.control.catchUp(1n)).rejects.toMatchObject({ code: 'unavailable' });
  await using _one = await startProcess({ log: simulated.connect('one'), clock, prng });
  await clock.advance(1_000);
  expect(early.control.fold.position).toBeGreaterThan(0n);
  expect(early.stopped.size).toBe(0);
});

describe('a topic that keeps less than was promised', () => {
  test('is found by each process that begins to use it, and stops its shards by name', async () => {
    await using one = await startInstant({ partitions: 2 });
    const { simulated, clock, tenant } = one;
    await one.writes.create(tenant, 'a' as SessionName, plain);
    simulated.weaken(tenant.topic, 'min.insync.replicas is 1');
    const log = simulated.connect('two');
    await using two = await startProcess({ log, clock, prng: new SeededPrng(2), partitions: 2 });
    const [first, second] = shardsOf(tenant).map(
      (shard) => () => two.shards.replica(tenant, shard),
    );
    first?.();
    await settle();
    expect(first?.().stopped).toMatchObject({
      reason: 'unsafe-topic',
      message: expect.stringMatching(/min.insync.replicas is 1/) as string,
    });
    expect(second?.().stopped?.reason).toBe('unsafe-topic');
    // The process that knew it before goes on: nothing was asked again.
    expect(one.shards.stopped.size).toBe(0);
  });

  test('is found once the log answers, where it does not at first', async () => {
    await using one = await startInstant();
    const { simulated, clock, tenant } = one;
    const log = simulated.connect('two');
    await using two = await startProcess({ log, clock, prng: new SeededPrng(2) });
    simulated.weaken(tenant.topic, 'retention.ms is 1');
    simulated.setFaults((call) => (call === 'topics' ? 'before' : undefined));
    const [shard] = shardsOf(tenant);
    const replica = two.shards.replica(tenant, shard as Shard);
    await clock.advance(10_000);
    expect(replica.stopped).toBeUndefined();
    simulated.setFaults();
    await clock.advance(2_000);
    expect(replica.stopped?.reason).toBe('unsafe-topic');
  });
});

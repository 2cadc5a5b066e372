import { type Shard, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog, settle } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
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

test('a fork that is deleted while its source is looked for is gone, not broken', async () => {
  await using one = await startInstant({ partitions: 2 });
  const { simulated, clock, tenant, writes } = one;
  const [source, fork] = ['a', 'd'] as SessionName[] as [SessionName, SessionName];
  await writes.create(tenant, source, { ...plain, events: [bytesOf('1')] });
  const origin = { source, offset: undefined, subOffset: 0 };
  await writes.create(tenant, fork, { ...plain, fork: origin });
  const { shard } = one.shards.locate(tenant, source).replica;
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  let isHeldUp = true;
  const log = simulated.connect('two');
  const heldUp = new Proxy(log, {
    get(target, name) {
      if (name !== 'bounds') return (Reflect.get(target, name) as () => unknown).bind(target);
      return async (...args: Parameters<typeof log.bounds>) => {
        if (isHeldUp && args[0].includes(shard)) {
          asked.resolve();
          await answered.promise;
        }
        return target.bounds(...args);
      };
    },
  });
  await using two = await startProcess({
    log: heldUp,
    clock,
    prng: new SeededPrng(2),
    partitions: 2,
  });
  const { replica, key } = two.shards.locate(tenant, fork);
  expect(replica.shard).not.toBe(shard);
  await replica.readIndex();
  const unretain = replica.retain();
  const bounds = { position: 0, bytesMax: 100, eventsMax: 100 };
  const reading = replica
    .with(key, (session) => two.shards.reader.read({ replica, session }, bounds))
    .catch((cause: unknown) => cause);
  await asked.promise;
  await writes.delete(tenant, fork);
  await clock.advance(10_000);
  await writes.delete(tenant, source);
  await clock.advance(1_000);
  isHeldUp = false;
  answered.resolve();
  expect(await reading).toMatchObject({ code: 'session-not-found' });
  unretain();
});

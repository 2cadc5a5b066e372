import { silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import { expect, test } from 'vitest';
import { Shards } from './shards.ts';
import { startInstant, startProcess } from './testing.ts';

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

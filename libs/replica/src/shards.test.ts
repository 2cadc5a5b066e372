import { silentLogger, silentMetrics } from '@tidemark/ports';
import { expect, test } from 'vitest';
import { Shards } from './shards.ts';
import { startInstant } from './testing.ts';

/** Shards of a second process on the same log, not started yet. */
function besides({ simulated, clock }: Awaited<ReturnType<typeof startInstant>>): Shards {
  const log = simulated.connect('two');
  const parts = { log, clock, logger: silentLogger, metrics: silentMetrics };
  return new Shards(parts, { hotBytesMax: 1_024 * 1_024 });
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

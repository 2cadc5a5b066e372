import { silentLogger, silentMetrics } from '@tidemark/ports';
import { expect, test } from 'vitest';
import { Shards } from './shards.ts';
import { startInstant } from './testing.ts';

test('the directory that was asked for before the start is whole', async () => {
  await using one = await startInstant();
  const { simulated, clock } = one;
  const log = simulated.connect('two');
  const parts = { log, clock, logger: silentLogger, metrics: silentMetrics };
  await using shards = new Shards(parts, { hotBytesMax: 1_024 * 1_024 });
  await shards.currentDirectory();
  await shards.start();
  expect(shards.directory.default).toBeDefined();
});

test('a control log that stops before it had a directory is not an unhandled failure', async () => {
  await using one = await startInstant();
  const { simulated, clock } = one;
  const log = simulated.connect('two');
  const parts = { log, clock, logger: silentLogger, metrics: silentMetrics };
  await using shards = new Shards(parts, { hotBytesMax: 1_024 * 1_024 });
  shards.control.stop('log-lost', 'planted');
  await expect(shards.currentDirectory()).rejects.toMatchObject({ code: 'shard-stopped' });
});

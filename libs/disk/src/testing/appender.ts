// A process of its own that appends until it is killed, and tells each acknowledgement.
// Arguments: directory, number of this run. Tells `<shard> <base offset> <text>` a line.

import { writeSync } from 'node:fs';
import { shardOf, silentLogger, silentMetrics } from '@tidemark/ports';
import { recordOf } from '@tidemark/ports/testing';
import { openDiskLog } from '../disk-log.ts';
import { nodeFiles } from '../node-files.ts';
import { appenderFileBytes, appenderShards, appenderTopic } from './appender-plan.ts';
import { realClock } from './real-clock.ts';

const [, , directory = '', run = ''] = process.argv;
const log = await openDiskLog(
  { clock: realClock, files: nodeFiles, logger: silentLogger, metrics: silentMetrics },
  { directory, fileBytes: appenderFileBytes },
);
await log.ensureTopic({
  name: appenderTopic,
  partitions: appenderShards,
  durability: 'replicated',
});

/** So that a log that a thousand runs have written is read again in no more time than that of ten. */
const recordsKept = 2_000n;

async function appendForever(partition: number): Promise<void> {
  const shard = shardOf(appenderTopic, partition);
  const bounds = (await log.bounds([shard])).get(shard);
  if (bounds === undefined || bounds instanceof Error) throw bounds ?? new Error('no bounds');
  if (bounds.end - bounds.start > recordsKept) await log.trim(shard, bounds.end - recordsKept);
  for (let count = 0; ; count += 1) {
    const text = `${run}.${count}.${'x'.repeat((count * 37) % 400)}`;
    const outcome = await log.append(new Map([[shard, () => [recordOf(text)]]])).get(shard);
    if (outcome?.kind !== 'committed') throw new Error(JSON.stringify(outcome));
    writeSync(1, `${partition} ${outcome.baseOffset} ${text}\n`);
    if (count % 500 === 499) await log.trim(shard, outcome.baseOffset - 100n);
  }
}

writeSync(1, 'ready\n');
await Promise.all(
  Array.from({ length: appenderShards }, (_, partition) => appendForever(partition)),
);

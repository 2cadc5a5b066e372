// node infra/src/kafka/main.ts [--brokers 1|3] [--data folder] [--state file] [--session ms]
//
// Starts a cluster, prints where it is as one JSON line, and stops it on SIGINT, SIGTERM, or when
// standard input ends.

import { writeFile } from 'node:fs/promises';
import { argv, stdin, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { startKafka } from './kafka-cluster.ts';
import { type KafkaState, patientSessionMs } from './kafka-for-tests.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    brokers: { type: 'string', default: '3' },
    data: { type: 'string' },
    state: { type: 'string' },
    session: { type: 'string', default: String(patientSessionMs) },
  },
});

const cluster = await startKafka({
  isLongLived: true,
  brokers: values.brokers === '1' ? 1 : 3,
  sessionTimeoutMs: Number(values.session),
  ...(values.data === undefined ? {} : { dataFolder: values.data }),
});
const state: KafkaState = {
  bootstrap: cluster.bootstrap,
  brokers: cluster.brokers.map(({ id, pid, host, port }) => ({ id, pid, host, port })),
};
if (values.state !== undefined) await writeFile(values.state, JSON.stringify(state));
stdout.write(`${JSON.stringify(state)}\n`);

const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ask());
stdin.once('end', () => ask());
stdin.resume();
await asked;
await cluster.stop();

// npm run cluster [-- --ingest 2 --read 2 --relay 1 --port 4437]
//
// Starts three real brokers, a real S3 server and the platform as separate processes behind one
// address, says where everything is, and stops it all on Ctrl-C.

import { argv, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { startKafka } from '../kafka/kafka-cluster.ts';
import { startS3 } from '../s3/s3-server.ts';
import { startCluster } from './cluster.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    ingest: { type: 'string', default: '2' },
    read: { type: 'string', default: '2' },
    relay: { type: 'string', default: '1' },
    port: { type: 'string', default: '4437' },
  },
});

const say = (line: string): void => void stdout.write(`${line}\n`);
const told = new Promise<void>((resolve) => {
  process.once('SIGINT', () => resolve());
  process.once('SIGTERM', () => resolve());
});

say('starting three brokers and an S3 server ...');
await using kafka = await startKafka({ isLongLived: true });
await using s3 = await startS3();
for (const { id, host, port, pid } of kafka.brokers) {
  say(`  broker ${id}    ${host}:${port}   pid ${pid}`);
}
say(`  ${s3.name.padEnd(9)} ${s3.endpoint}   pid ${s3.pid}`);
const { ingest, read, relay, port } = values;
const counts = { ingest: Number(ingest), read: Number(read), relay: Number(relay) };
await using cluster = await startCluster({ kafka, counts, port: Number(port) });
for (const { app, url, pid, logFile } of cluster.apps) {
  say(`  ${app.padEnd(9)} ${url}   pid ${pid}   ${logFile}`);
}
say(`\nready: ${cluster.url}/v1/stream/   (Ctrl-C stops everything)`);
await told;
say('stopping ...');

// npm run cluster [-- --ingest 2 --read 2 --relay 1 --materializer 1 --tiering 1 --port 4437 --fresh]
//
// Starts three real brokers, a real S3 server and the platform as separate processes behind one
// address, says where everything is, and stops it all on Ctrl-C. What was stored is there again at the
// next start; `--fresh` begins anew.

import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { argv, env, exit, stderr, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { SettingsMistakes } from '@tidemark/std';
import { startKafka } from '../kafka/kafka-cluster.ts';
import { startS3 } from '../s3/s3-server.ts';
import { s3Settings } from '../s3/shared-s3.ts';
import { startCluster } from './cluster.ts';
import { type ClusterSettings, clusterSettings } from './cluster-settings.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    ingest: { type: 'string', default: '2' },
    read: { type: 'string', default: '2' },
    relay: { type: 'string', default: '1' },
    materializer: { type: 'string', default: '1' },
    tiering: { type: 'string', default: '1' },
    port: { type: 'string' },
    fresh: { type: 'boolean', default: false },
  },
});

function settingsOrEnd(): ClusterSettings {
  try {
    return clusterSettings(env, values.port);
  } catch (cause) {
    if (!(cause instanceof SettingsMistakes)) throw cause;
    stderr.write(`${cause.message}\n`);
    exit(64);
  }
}

const { port, folder: ownFolder, envOf } = settingsOrEnd();
const folder = resolve(ownFolder);
const say = (line: string): void => void stdout.write(`${line}\n`);
const told = new Promise<void>((done) => {
  process.once('SIGINT', () => done());
  process.once('SIGTERM', () => done());
});

if (values.fresh) await rm(folder, { recursive: true, force: true });
say('starting three brokers and an S3 server ...');
await using kafka = await startKafka({ isLongLived: true, dataFolder: join(folder, 'kafka') });
await using s3 = await startS3({ dataFolder: join(folder, 's3') });
for (const { id, host, port: at, pid } of kafka.brokers) {
  say(`  broker ${id}    ${host}:${at}   pid ${pid}`);
}
say(`  ${s3.name.padEnd(9)} ${s3.endpoint}   pid ${s3.pid}`);
const { ingest, read, relay, materializer, tiering } = values;
const counts = {
  ingest: Number(ingest),
  read: Number(read),
  relay: Number(relay),
  materializer: Number(materializer),
  tiering: Number(tiering),
};
const objects = s3Settings(s3);
await using cluster = await startCluster({
  kafka,
  counts,
  port,
  envOf: (app) => ({ ...envOf(app), ...objects }),
});
for (const { app, url, pid, logFile } of cluster.apps) {
  say(`  ${app.padEnd(9)} ${url}   pid ${pid}   ${logFile}`);
}
say(`  data      ${folder}   (--fresh begins anew)`);
say(`\nready: ${cluster.url}/v1/stream/   (Ctrl-C stops everything)`);
await told;
say('stopping ...');

// Where an archive run takes place: the cluster on three brokers, or one server with its embedded log, with a real S3
// server beside either; and how all of it is killed at once.

import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AppProcess,
  type Cluster,
  freePorts,
  logTail,
  type S3Server,
  s3Settings,
  startApp,
  startCluster,
  startKafka,
  startS3,
} from '@tidemark/infra';

export type LogKept =
  | { readonly kind: 'starts'; readonly starts: ReadonlyMap<string, number> }
  | { readonly kind: 'files'; readonly files: number };

export interface ArchivePlace extends AsyncDisposable {
  readonly url: () => string;
  readonly headers: Readonly<Record<string, string>>;
  readonly apps: () => readonly AppProcess[];
  /** Brokers, S3 server and our own processes, by SIGKILL; back again when it answers. */
  readonly killAll: () => Promise<void>;
  /** S3 is gone until what is returned is called. */
  readonly takeS3: () => Promise<() => Promise<void>>;
  /** Where the S3 server keeps the objects of its bucket, as files. */
  readonly bucketFolder: string;
  /** What the log keeps: where each shard of it begins, as brokers say, or its files. */
  readonly logKept: () => Promise<LogKept>;
}

const keepMib = 16;
/** Of each shard's events that are archived, as the apps are told. */
export const keepBytes = keepMib * 1_048_576;

const tieringSettings = (segmentSeconds: number) => ({
  TIDEMARK_LOG_KEEP_MIB: String(keepMib),
  TIDEMARK_SEGMENT_MS: String(segmentSeconds * 1_000),
});
const publishSettings = { TIDEMARK_PUBLISH_MS: '5000' };

class KeptS3 {
  readonly #folder: string;
  #port = 0;
  server: S3Server | undefined;

  get bucketFolder(): string {
    return join(this.#folder, 'data', 'tidemark');
  }

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** With the same data, on the same port. */
  async start(): Promise<S3Server> {
    if (this.#port === 0) [this.#port = 0] = await freePorts(1);
    this.server = await startS3({
      server: 'versitygw',
      dataFolder: this.#folder,
      port: this.#port,
    });
    return this.server;
  }

  async kill(): Promise<void> {
    await this.server?.kill('SIGKILL');
  }
}

export interface PlaceOptions {
  readonly on: 'kafka' | 'embedded';
  /** What waits is archived after so long. */
  readonly segmentSeconds: number;
}

export const openPlace = ({ on, segmentSeconds }: PlaceOptions): Promise<ArchivePlace> =>
  on === 'kafka' ? clusterPlace(segmentSeconds) : embeddedPlace(segmentSeconds);

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'tidemark-archive-'));

async function embeddedPlace(segmentSeconds: number): Promise<ArchivePlace> {
  const folder = await newFolder();
  const s3 = new KeptS3(join(folder, 's3'));
  const [port = 0] = await freePorts(1);
  const data = join(folder, 'data');
  const env = {
    ...tieringSettings(segmentSeconds),
    ...publishSettings,
    TIDEMARK_DATA_DIR: data,
    TIDEMARK_PORT: String(port),
    ...s3Settings(await s3.start()),
  };
  const start = (): Promise<AppProcess> => startApp({ app: 'server', index: 0, folder, env });
  let app = await start();
  return {
    url: () => `http://127.0.0.1:${port}`,
    headers: {},
    apps: () => [app],
    bucketFolder: s3.bucketFolder,
    async killAll() {
      app.kill('SIGKILL');
      await Promise.all([s3.kill(), app.ended]);
      await s3.start();
      app = await start();
    },
    async takeS3() {
      await s3.kill();
      return async () => void (await s3.start());
    },
    async logKept() {
      const names = (await readdir(join(data, 'log'))).filter((name) => name.endsWith('.log'));
      return { kind: 'files', files: names.length };
    },
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await s3.server?.[Symbol.asyncDispose]();
    },
  };
}

async function clusterPlace(segmentSeconds: number): Promise<ArchivePlace> {
  const folder = await newFolder();
  const s3 = new KeptS3(join(folder, 's3'));
  const started = await s3.start();
  const dataFolder = join(folder, 'kafka');
  const kafka = await startKafka({ dataFolder });
  const cluster: Cluster = await startCluster({
    kafka,
    counts: { ingest: 1, read: 1, relay: 0, materializer: 1, tiering: 1 },
    env: s3Settings(started),
    envOf: (app): Record<string, string> => {
      if (app === 'tiering') return tieringSettings(segmentSeconds);
      return app === 'materializer' ? publishSettings : {};
    },
  });
  return {
    url: () => cluster.url,
    headers: {},
    apps: () => cluster.apps,
    bucketFolder: s3.bucketFolder,
    async killAll() {
      const { apps } = cluster;
      for (const app of apps) app.kill('SIGKILL');
      await Promise.all([
        s3.kill(),
        ...apps.map((app) => app.ended),
        ...kafka.brokers.map((broker) => broker.kill('SIGKILL')),
      ]);
      await Promise.all([s3.start(), ...kafka.brokers.map((broker) => broker.restart())]);
      await kafka.ready();
      await Promise.all(apps.map((app) => cluster.restart(app)));
    },
    async takeS3() {
      await s3.kill();
      return async () => void (await s3.start());
    },
    async logKept() {
      const file = join(dataFolder, '1', 'data', 'log-start-offset-checkpoint');
      return { kind: 'starts', starts: startsIn(await readFile(file, 'utf8')) };
    },
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await kafka[Symbol.asyncDispose]();
      await s3.server?.[Symbol.asyncDispose]();
    },
  };
}

/** As a broker notes once a minute: a version, how many, and a line each of topic, partition and offset. */
function startsIn(checkpoint: string): ReadonlyMap<string, number> {
  const lines = checkpoint.split('\n').slice(2);
  const starts = lines.flatMap((line): readonly (readonly [string, number])[] => {
    const [topic, partition, offset] = line.split(' ');
    return offset === undefined ? [] : [[`${topic}/${partition}`, Number(offset)]];
  });
  return new Map(starts);
}

/** Processes that ended by themselves. */
export const crashesOf = (apps: readonly AppProcess[]): readonly string[] =>
  apps
    .filter((app) => !app.isRunning())
    .map((app) => `${app.app} ended by itself\n${logTail(app.logFile)}`);

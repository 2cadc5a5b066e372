// Ours over a bucket, as whoever asks needs it: which process has which role, and all of them started anew.

import {
  type AppName,
  type AppProcess,
  type Cluster,
  type SharedKafka,
  type SharedS3,
  s3Settings,
  startCluster,
} from '@tidemark/infra';
import { timedSeconds } from '../waits.ts';
import type { Place } from './contestant.ts';
import { tidemarkOverS3 } from './tidemark-over-s3.ts';

type Settings = Readonly<Record<string, string>>;

export interface ByRole extends AsyncDisposable {
  readonly apps: readonly AppProcess[];
  of(role: AppName): AppProcess;
  /** All but brokers and S3 server; tells the seconds until all are ready. */
  startAnew(): Promise<number>;
}

export interface ByRoleOptions {
  readonly place: Place;
  readonly s3: SharedS3;
  readonly settings: Settings;
  /** Of whoever publishes. */
  readonly publishSettings: Settings;
}

/** One process that has all roles. */
export async function embeddedByRole(options: ByRoleOptions): Promise<ByRole> {
  const { publishSettings } = options;
  const settings = { ...options.settings, ...publishSettings };
  const start = tidemarkOverS3({ ...options, settings });
  let app = await start();
  return {
    get apps() {
      return [app];
    },
    of: () => app,
    startAnew: async () => {
      await app[Symbol.asyncDispose]();
      return timedSeconds(async () => {
        app = await start();
      });
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

/** Ingest, read and materializer as processes of their own. */
export async function kafkaByRole(
  kafka: SharedKafka,
  { s3, settings, publishSettings }: ByRoleOptions,
): Promise<ByRole> {
  const cluster: Cluster = await startCluster({
    kafka,
    counts: { ingest: 1, read: 1, relay: 0, materializer: 1, tiering: 0 },
    env: { ...s3Settings(s3), ...settings },
    envOf: (app): Settings => (app === 'materializer' ? publishSettings : {}),
  });
  return {
    get apps() {
      return cluster.apps;
    },
    of(role) {
      const found = cluster.apps.find(({ app }) => app === role);
      if (found === undefined) throw new Error(`no process is ${role}`);
      return found;
    },
    startAnew: async () => {
      const old = [...cluster.apps];
      for (const app of old) await app[Symbol.asyncDispose]();
      return timedSeconds(() => Promise.all(old.map((app) => cluster.restart(app))));
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

// The whole platform as separate processes over three real brokers, behind one address.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Front, type FrontOptions, startFront } from '../front.ts';
import type { SharedKafka } from '../kafka/shared-kafka.ts';
import { type AppName, type AppProcess, startApp } from './app-process.ts';

export interface ClusterOptions {
  readonly kafka: Pick<SharedKafka, 'bootstrap'>;
  readonly counts?: Partial<Record<Exclude<AppName, 'server'>, number>>;
  readonly port?: number;
  readonly route?: FrontOptions['route'];
  readonly env?: Readonly<Record<string, string>>;
  /** What not every app knows. */
  readonly envOf?: (app: AppName) => Readonly<Record<string, string>>;
  /** Brokers of one process instead of everybody's: a wire that a test can hurt. */
  readonly bootstrapOf?: (app: AppName, index: number) => readonly string[] | undefined;
}

export interface Cluster extends AsyncDisposable {
  readonly url: string;
  readonly front: Front;
  readonly folder: string;
  /** Those that run now. */
  readonly apps: readonly AppProcess[];
  /** Starts another process in the place of one that has ended. */
  restart(app: AppProcess): Promise<AppProcess>;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-cluster-'));
  const counts = { ingest: 2, read: 2, relay: 1, materializer: 0, tiering: 0, ...options.counts };
  let apps: AppProcess[] = [];
  const start = (app: AppName, index: number): Promise<AppProcess> => {
    const bootstrap = options.bootstrapOf?.(app, index) ?? options.kafka.bootstrap;
    const env = {
      TIDEMARK_KAFKA_BROKERS: bootstrap.join(','),
      ...options.env,
      ...options.envOf?.(app),
    };
    return startApp({ app, index, folder, env });
  };
  const places = Object.entries(counts).flatMap(([app, count]) =>
    Array.from({ length: count }, (_, index) => ({ app: app as AppName, index })),
  );
  // The first founds the control log; the others find it.
  for (const { app, index } of places.slice(0, 1)) apps.push(await start(app, index));
  apps.push(...(await Promise.all(places.slice(1).map(({ app, index }) => start(app, index)))));
  const front = await startFront({
    upstreams: (role) =>
      apps.filter((candidate) => candidate.app === role && candidate.isRunning()),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.route === undefined ? {} : { route: options.route }),
  });
  return {
    url: front.url,
    front,
    folder,
    get apps() {
      return apps;
    },
    async restart(old) {
      const fresh = await start(old.app, old.index);
      apps = apps.map((candidate) => (candidate === old ? fresh : candidate));
      return fresh;
    },
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]();
      await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
    },
  };
}

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { nodeFlags } from '@tidemark/infra';
import { type Contestant, type Place, type Running, startServed } from './contestant.ts';

export const repository: string = resolve(import.meta.dirname, '../../..');

const version = (
  JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string }
).version;

type Environment = Readonly<Record<string, string>>;

export const profilingFlags = (
  app: string,
  { profileFolder }: Pick<Place, 'profileFolder'>,
): readonly string[] =>
  profileFolder === undefined
    ? []
    : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${app}.cpuprofile`];

/** One of our processes, profiled where a profile is asked for. */
export function startOurs(
  app: 'server' | 'ingest' | 'read',
  contestant: Contestant,
  {
    place,
    env,
    keepsFolder = false,
    checkout = repository,
  }: {
    readonly place: Place;
    readonly env: (folder: string) => Environment;
    readonly keepsFolder?: boolean;
    readonly checkout?: string;
  },
): Promise<Running> {
  const profiling = profilingFlags(app, place);
  return startServed(
    {
      contestant,
      command: process.execPath,
      args: () => [...nodeFlags, ...profiling, join(checkout, `apps/${app}/src/main.ts`)],
      env: (port, folder) => ({
        TIDEMARK_PORT: String(port),
        TIDEMARK_LOG_LEVEL: 'warn',
        ...env(folder),
      }),
      readyPath: '/readyz',
      endsInOrder: place.profileFolder !== undefined,
      keepsFolder,
    },
    place,
  );
}

export const tidemarkEmbeddedWith = (settings: Environment): Contestant => ({
  name: 'tidemark embedded',
  version,
  durability: 'group commit, on the disk (O_DSYNC)',
  start(place) {
    const env = (folder: string): Environment => ({ TIDEMARK_DATA_DIR: folder, ...settings });
    return startOurs('server', this, { place, env });
  },
});

export const tidemarkEmbedded: Contestant = tidemarkEmbeddedWith({});

/** The server of another checkout, with its own dependencies: what a change is measured against. */
export const tidemarkBefore = (checkout: string): Contestant => ({
  ...tidemarkEmbedded,
  name: 'tidemark before',
  version: checkout,
  start({ folder: place }) {
    const env = (folder: string): Environment => ({ TIDEMARK_DATA_DIR: folder });
    const unprofiled = { folder: place, profileFolder: undefined };
    return startOurs('server', this, { place: unprofiled, env, checkout });
  },
});

/** In a folder that outlives it. */
export const tidemarkKept = (folder: string): Contestant => ({
  ...tidemarkEmbedded,
  start(place) {
    const env = (): Environment => ({ TIDEMARK_DATA_DIR: folder });
    return startOurs('server', this, { place: { ...place, folder }, env, keepsFolder: true });
  },
});

export function tidemarkOnKafka(
  bootstrap: readonly string[],
  settings: Environment = {},
): Contestant {
  return {
    name: 'tidemark on Kafka',
    version,
    durability: 'three brokers, acks=all, page cache of at least two',
    start(place) {
      const env = (folder: string): Environment => ({
        TIDEMARK_DATA_DIR: folder,
        TIDEMARK_LOG: 'kafka',
        TIDEMARK_KAFKA_BROKERS: bootstrap.join(','),
        ...settings,
      });
      return startOurs('server', this, { place, env });
    },
  };
}

/** Ingest and read as processes of their own, asked directly, without a proxy between. */
export const tidemarkSeparate = (bootstrap: readonly string[]): Contestant => ({
  name: 'tidemark ingest + read on Kafka',
  version,
  durability: 'three brokers, acks=all, page cache of at least two',
  async start(place) {
    const env = (): Environment => ({ TIDEMARK_KAFKA_BROKERS: bootstrap.join(',') });
    const ingest = await startOurs('ingest', this, { place, env });
    const read = await startOurs('read', this, { place, env });
    return {
      contestant: this,
      targets: ingest.targets,
      reads: read.targets,
      pids: [...ingest.pids, ...read.pids],
      roles: ['ingest', 'read'],
      async [Symbol.asyncDispose]() {
        await Promise.all([ingest[Symbol.asyncDispose](), read[Symbol.asyncDispose]()]);
      },
    };
  },
});

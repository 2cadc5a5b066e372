// What `npm run cluster` takes from its environment: what `npm start` takes, but for what it decides
// itself because it starts it. The processes check the values; they know what these mean.

import { SettingsMistakes } from '@tidemark/std';
import type { AppName } from './app-process.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ClusterSettings {
  readonly port: number;
  /** Of everything that is to be found again. */
  readonly folder: string;
  readonly envOf: (app: AppName) => Readonly<Record<string, string>>;
}

const defaultPort = '4437';
const own = ['TIDEMARK_PORT', 'TIDEMARK_DATA_DIR'];
const common = [
  'TIDEMARK_ADMIN_KEY',
  'TIDEMARK_ALLOWED_ORIGINS',
  'TIDEMARK_ALLOWED_HOSTS',
  'TIDEMARK_LOG_LEVEL',
  'TIDEMARK_MEMORY_MIB',
  'TIDEMARK_DRAIN_MS',
  'TIDEMARK_LONG_POLL_MS',
];
/** Of any process, also of one that is not asked over HTTP. */
const ofProcesses = [
  'TIDEMARK_ADMIN_KEY',
  'TIDEMARK_LOG_LEVEL',
  'TIDEMARK_MEMORY_MIB',
  'TIDEMARK_DRAIN_MS',
];
const materializers = ['TIDEMARK_PUBLISH_MS'];
const tierings = [
  'TIDEMARK_SEGMENT_MIB',
  'TIDEMARK_SEGMENT_MS',
  'TIDEMARK_LOG_KEEP_MIB',
  'TIDEMARK_ERASE_MS',
];
const relays = ['TIDEMARK_SIGNING_SECRET', 'TIDEMARK_PUBLIC_URL'];

/** What a process does not know it refuses. */
function namesFor(app: AppName): readonly string[] {
  if (app === 'relay') return [...common, ...relays];
  if (app === 'materializer') return [...ofProcesses, ...materializers];
  return app === 'tiering' ? [...ofProcesses, ...tierings] : common;
}

export function clusterSettings(env: Environment, portArgument?: string): ClusterSettings {
  const given = Object.keys(env).filter((name) => name.startsWith('TIDEMARK_'));
  const known = new Set([...own, ...common, ...materializers, ...tierings, ...relays]);
  const mistakes = given
    .filter((name) => !known.has(name))
    .map(
      (name) =>
        `${name} is nothing that the cluster takes: it listens on loopback and starts its own storage`,
    );
  const portText = portArgument ?? env['TIDEMARK_PORT'] ?? defaultPort;
  const port = Number(portText);
  if (!/^\d+$/.test(portText) || port > 65_535) mistakes.push('TIDEMARK_PORT must be 0 to 65535');
  if (mistakes.length > 0) throw new SettingsMistakes(mistakes);
  const taken = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = env[name];
        return value === undefined ? [] : [[name, value] as const];
      }),
    );
  return {
    port,
    folder: `${env['TIDEMARK_DATA_DIR'] ?? '.tidemark'}/cluster`,
    envOf: (app) => taken(namesFor(app)),
  };
}

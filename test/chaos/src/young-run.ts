// A cluster in its first moments: brokers, topics, groups and coordinators are as young as the load on
// them. Nothing is killed and no wire is hurt. The checker judges what independent clients saw.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Violation } from '@tidemark/checker';
import { type Cluster, startCluster, startKafka } from '@tidemark/infra';
import { type ClientProcess, type ClientTenant, startClient } from './client-process.ts';
import type { HistorySummary } from './history-files.ts';
import { endRun } from './run-end.ts';
import { createTenants, newKey } from './tenants.ts';

export interface YoungRunOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Without keys everything is one tenant's, and its topic the first that there is. */
  readonly isKeyless: boolean;
  readonly say: (line: string) => void;
}

export interface YoungRunReport {
  readonly seed: number;
  readonly history: HistorySummary;
  readonly violations: readonly Violation[];
  /** What no history shows. */
  readonly wrong: readonly string[];
  /** Histories and logs; gone where nothing was wrong. */
  readonly folders: readonly string[];
}

const clients = 3;
const actors = 6;

export async function runYoung(options: YoungRunOptions): Promise<YoungRunReport> {
  const { seed, seconds, isKeyless, say } = options;
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-young-'));
  await using kafka = await startKafka();
  const adminKey = newKey();
  const env = isKeyless ? {} : { TIDEMARK_ADMIN_KEY: adminKey };
  await using cluster = await startCluster({
    kafka,
    route: 'random',
    env: { ...env, TIDEMARK_LONG_POLL_MS: '2000' },
  });
  const tenants = isKeyless
    ? [{ tenant: 'default', headers: {} }]
    : await createTenants(cluster.url, adminKey);
  const started = await startClients(cluster, { seed, tenants, folder });
  await delay(seconds * 1_000);
  const { history, violations, wrong } = await endRun({
    clients: started,
    tenants,
    readers: cluster.apps.filter(({ app }) => app === 'read'),
    server: addressOf(cluster),
    folder,
    say,
  });
  const folders = [folder, cluster.folder];
  if (violations.length + wrong.length === 0) {
    await Promise.all(folders.map((path) => rm(path, { recursive: true })));
  }
  return { seed, history, violations, wrong, folders };
}

const addressOf = ({ front }: Cluster): { readonly host: string; readonly port: number } => ({
  host: '127.0.0.1',
  port: front.port,
});

function startClients(
  cluster: Cluster,
  given: {
    readonly seed: number;
    readonly tenants: readonly ClientTenant[];
    readonly folder: string;
  },
): Promise<ClientProcess[]> {
  const sinceMs = Date.now();
  return Promise.all(
    Array.from({ length: clients }, (_, index) =>
      startClient(
        {
          ...addressOf(cluster),
          name: `c${index}x`,
          seed: given.seed,
          actors,
          firstActor: index * actors,
          pauseMsMax: 30,
          workers: 1,
          workerPauseMsMax: 120,
          timeoutMs: 15_000,
          sinceMs,
          historyFile: join(given.folder, `history-${index}.jsonl`),
          tenants: given.tenants,
        },
        given.folder,
      ),
    ),
  );
}

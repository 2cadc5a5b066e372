// The whole platform over real brokers, under faults at random from a seed, with independent clients
// around it. At the end everything is healed and read once more, and the checker judges.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Entry, Violation } from '@tidemark/checker';
import {
  type AppProcess,
  type Cluster,
  type KafkaCluster,
  logTail,
  startCluster,
  startKafka,
  startTcpProxy,
  type TcpProxy,
} from '@tidemark/infra';
import { nowAt } from './client/recorder.ts';
import { type ClientProcess, type ClientTenant, startClient } from './client-process.ts';
import { Disturbance, type Outage } from './disturbance.ts';
import type { HistorySummary } from './history-files.ts';
import { MetricsWatch } from './metrics-watch.ts';
import { Random } from './random.ts';
import { endRun } from './run-end.ts';
import { ShardProbe } from './shard-probe.ts';
import { createTenants, newKey } from './tenants.ts';

export interface ClusterRunOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
}

export interface ClusterRunReport {
  readonly seed: number;
  readonly seconds: number;
  readonly history: HistorySummary;
  readonly violations: readonly Violation[];
  /** Processes of ours that ended by themselves, or told what they should not, and what no history shows. */
  readonly crashes: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
  readonly outages: readonly Outage[];
  readonly voidRecords: number;
  readonly unknownBatches: number;
  /** Histories and logs; gone where nothing was wrong. */
  readonly folder: string;
}

const clients = 3;
const actors = 5;
/** Whoever was stopped comes back to find that another has gone on. */
const relays = 2;

export async function runCluster(options: ClusterRunOptions): Promise<ClusterRunReport> {
  const { say } = options;
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-chaos-'));
  await using kafka = await startKafka({ proxied: true });
  say(`brokers: pids ${kafka.brokers.map(({ pid }) => pid).join(', ')}`);
  const adminKey = newKey();
  await using cluster = await startCluster({
    kafka,
    route: 'random',
    counts: { relay: relays },
    env: { TIDEMARK_ADMIN_KEY: adminKey, TIDEMARK_LONG_POLL_MS: '2000' },
  });
  say(`apps: ${cluster.apps.map(({ app, pid }) => `${app} pid ${pid}`).join(', ')}`);
  const tenants = await createTenants(cluster.url, adminKey);
  const run = new ClusterRun({ options, folder, kafka, cluster, tenants, adminKey });
  const report = await run.run();
  const isClean = report.violations.length === 0 && report.crashes.length === 0;
  if (isClean) {
    await Promise.all([folder, cluster.folder].map((path) => rm(path, { recursive: true })));
  }
  return report;
}

interface RunParts {
  readonly options: ClusterRunOptions;
  readonly folder: string;
  readonly kafka: KafkaCluster;
  readonly cluster: Cluster;
  readonly tenants: readonly ClientTenant[];
  readonly adminKey: string;
}

class ClusterRun {
  readonly #parts: RunParts;
  readonly #leaders: Entry[] = [];
  readonly #killed = new Set<AppProcess>();
  readonly #watched = new Set<AppProcess>();
  readonly #crashes: string[] = [];

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  async run(): Promise<ClusterRunReport> {
    const { options, cluster, kafka, tenants, folder } = this.#parts;
    const { port } = cluster.front;
    await using wires = new AsyncDisposableStack();
    const target = { host: '127.0.0.1', port };
    const proxies = await Promise.all(
      Array.from({ length: clients }, async () => wires.use(await startTcpProxy({ target }))),
    );
    await using watch = new MetricsWatch(() => cluster.apps);
    const started = await this.#startClients(proxies);
    const probes = tenants.map(({ headers }) => wires.use(new ShardProbe({ ...target, headers })));
    const disturbance = new Disturbance(
      {
        kafka,
        cluster: this.#watching(cluster),
        wires: proxies,
        probes,
        onDeposed: (kind) => this.#leaders.push({ at: nowAt(), kind, shard: 'any' }),
      },
      {
        brokers: new Random(options.seed, 'brokers'),
        apps: new Random(options.seed, 'apps'),
        wires: new Random(options.seed, 'wires'),
      },
    );
    const time = AbortSignal.timeout(options.seconds * 1_000);
    await disturbance.run(time);
    options.say(`healed; ${started.length} clients finish`);
    // What was killed last is back by then.
    await delay(2_000);
    const { history, violations, wrong } = await endRun({
      clients: started,
      tenants,
      readers: cluster.apps.filter(({ app }) => app === 'read'),
      server: target,
      deposed: this.#leaders,
      folder,
      say: options.say,
    });
    this.#crashes.push(...wrong);
    await watch.look();
    const { faults, outages } = disturbance;
    this.#lookForCrashes(cluster);
    await this.#lookForKeys();
    return {
      history,
      violations,
      seed: options.seed,
      seconds: options.seconds,
      crashes: this.#crashes,
      faults,
      outages,
      voidRecords: watch.sum('tidemark_writer_voided_records_total'),
      unknownBatches: watch.sum('tidemark_writer_unknown_outcomes_total'),
      folder,
    };
  }

  /** As the cluster, with a note of who was killed on purpose. */
  #watching(cluster: Cluster): Pick<Cluster, 'apps' | 'restart'> {
    const lookForCrashes = (): void => this.#lookForCrashes(cluster);
    const killed = this.#killed;
    return {
      get apps() {
        lookForCrashes();
        return cluster.apps.filter((app) => app.isRunning());
      },
      restart(app) {
        killed.add(app);
        return cluster.restart(app);
      },
    };
  }

  #lookForCrashes({ apps }: Cluster): void {
    for (const app of apps) {
      if (app.isRunning() || this.#killed.has(app) || this.#watched.has(app)) continue;
      this.#watched.add(app);
      this.#crashes.push(`${app.app} ended by itself\n${logTail(app.logFile)}`);
    }
  }

  /** What our processes say is for anybody's eyes. */
  async #lookForKeys(): Promise<void> {
    const { cluster, adminKey, tenants } = this.#parts;
    const keys = tenants.map(({ headers }) => headers['authorization']?.split(' ')[1] ?? '');
    for (const name of await readdir(cluster.folder)) {
      const text = await readFile(join(cluster.folder, name), 'utf8');
      if ([adminKey, ...keys].some((key) => text.includes(key))) {
        this.#crashes.push(`${name} tells a key`);
      }
    }
  }

  #startClients(proxies: readonly TcpProxy[]): Promise<ClientProcess[]> {
    const { options, folder, tenants } = this.#parts;
    const sinceMs = Date.now();
    return Promise.all(
      proxies.map(({ host, port }, index) =>
        startClient(
          {
            name: `c${index}x`,
            host,
            port,
            seed: options.seed,
            actors,
            firstActor: index * actors,
            pauseMsMax: 60,
            workers: 1,
            workerPauseMsMax: 120,
            timeoutMs: 15_000,
            sinceMs,
            historyFile: join(folder, `history-${index}.jsonl`),
            tenants,
          },
          folder,
        ),
      ),
    );
  }
}

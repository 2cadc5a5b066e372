// One server over its embedded log, killed in a loop under load, with damage to the end of its log
// while it is down. The clients do not know of any of it; the checker judges what they saw.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Violation } from '@tidemark/checker';
import { freePorts, startApp } from '@tidemark/infra';
import { endClient, startClient } from './client-process.ts';
import { readEverything } from './final-reads.ts';
import { type HistorySummary, judge, readHistories, summarize } from './history-files.ts';
import { damageTail } from './log-damage.ts';
import { Random } from './random.ts';

export interface EmbeddedRunOptions {
  readonly seed: number;
  readonly kills: number;
  readonly say: (line: string) => void;
}

export interface EmbeddedRunReport {
  readonly history: HistorySummary;
  readonly violations: readonly Violation[];
  /** What was done to the log while it lay still, by kind. */
  readonly damage: ReadonlyMap<string, number>;
  readonly folder: string;
}

const clients = 2;
const actors = 8;
const tenants = [{ tenant: 'default', headers: {} }] as const;

export async function runEmbedded(options: EmbeddedRunOptions): Promise<EmbeddedRunReport> {
  const { seed, kills, say } = options;
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-kills-'));
  const dataFolder = join(folder, 'data');
  const [port = 0] = await freePorts(1);
  const env = { TIDEMARK_DATA_DIR: dataFolder, TIDEMARK_PORT: String(port) };
  const random = new Random(seed, 'kills');
  const damage = new Map<string, number>();
  const sinceMs = Date.now();
  const started = await Promise.all(
    Array.from({ length: clients }, (_, index) =>
      startClient(
        {
          name: `e${index}x`,
          host: '127.0.0.1',
          port,
          seed,
          actors,
          firstActor: index * actors,
          pauseMsMax: 15,
          timeoutMs: 15_000,
          sinceMs,
          historyFile: join(folder, `history-${index}.jsonl`),
          tenants,
        },
        folder,
      ),
    ),
  );
  for (let kill = 1; kill <= kills; kill += 1) {
    await using server = await startApp({ app: 'server', index: 0, folder, env });
    if (kill % 100 === 1) say(`kill ${kill}: pid ${server.pid}`);
    await delay(random.between(20, 600));
    server.kill('SIGKILL');
    await server.ended;
    const kind = await damageTail(join(dataFolder, 'log'), random);
    damage.set(kind, (damage.get(kind) ?? 0) + 1);
  }
  await using server = await startApp({ app: 'server', index: 0, folder, env });
  await delay(500);
  await Promise.all(started.map(endClient));
  const files = started.map(({ order }) => order.historyFile);
  const { sessions } = summarize(readHistories(files, []));
  const historyFile = join(folder, 'history-final.jsonl');
  await readEverything({ sessions, tenants, servers: [server], historyFile });
  const entries = readHistories([...files, historyFile], []);
  const violations = judge(entries);
  if (violations.length === 0) await rm(folder, { recursive: true, force: true });
  return { history: summarize(entries), violations, damage, folder };
}

// How a run ends: behind all faults everything is read and claimed once more, and the checker judges
// what all clients saw.

import { join } from 'node:path';
import type { Entry, Violation } from '@tidemark/checker';
import type { Server } from './client/exchange.ts';
import { type ClientProcess, type ClientTenant, endClient } from './client-process.ts';
import { claimEverything } from './final-claims.ts';
import { readEverything } from './final-reads.ts';
import {
  denialsIn,
  type HistorySummary,
  judge,
  readHistories,
  summarize,
} from './history-files.ts';

type Address = Pick<Server, 'host' | 'port'>;

export interface RunEnd {
  readonly clients: readonly ClientProcess[];
  readonly tenants: readonly ClientTenant[];
  /** Every process that reads: each has to say the same. */
  readonly readers: readonly Address[];
  readonly server: Address;
  /** Who was deposed when. */
  readonly deposed?: readonly Entry[];
  readonly webhooks?: Webhooks;
  readonly folder: string;
  readonly say: (line: string) => void;
}

interface Webhooks {
  readonly url: string;
  readonly historyFile: string;
  /** Once no delivery is under way, and all of them are written down. */
  readonly settled: () => Promise<void>;
}

export interface Judgement {
  readonly history: HistorySummary;
  readonly violations: readonly Violation[];
  /** What no history shows. */
  readonly wrong: readonly string[];
}

export async function endRun(end: RunEnd): Promise<Judgement> {
  const { clients, tenants, readers, server, deposed = [], webhooks, folder, say } = end;
  await Promise.all(clients.map(endClient));
  const files = clients.map(({ order }) => order.historyFile);
  const { sessions, subscriptions } = summarize(readHistories(files, []));
  const readsFile = join(folder, 'history-reads.jsonl');
  const claimsFile = join(folder, 'history-claims.jsonl');
  await readEverything({ sessions, tenants, servers: readers, historyFile: readsFile });
  const claims = { subscriptions, tenants, server, historyFile: claimsFile };
  const wrong = await claimEverything({ ...claims, webhookUrl: webhooks?.url });
  await webhooks?.settled();
  const more = webhooks === undefined ? [] : [webhooks.historyFile];
  const entries = readHistories([...files, readsFile, claimsFile, ...more], deposed);
  say(`judging ${entries.length} entries of ${sessions.size} sessions`);
  const history = summarize(entries);
  return { history, violations: judge(entries), wrong: [...wrong, ...denialsIn(history)] };
}

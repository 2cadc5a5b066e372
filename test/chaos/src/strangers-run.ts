// Clients with a key, first by themselves and then beside very many peers without one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type AppProcess, startApp } from '@tidemark/infra';
import { type LoadOrder, type LoadResult, load } from './load/order.ts';
import { residentOf } from './overload-run.ts';
import { newKey } from './tenants.ts';

export interface StrangersOptions {
  readonly folder: string;
  readonly seconds: number;
  readonly quietSeconds: number;
  readonly strangers: number;
  readonly clients: number;
  /** Appends a second of all clients together. */
  readonly rate: number;
}

export interface StrangersReport {
  readonly pid: number;
  readonly quiet: LoadResult;
  readonly beside: LoadResult;
  readonly connections: number;
  readonly residentMiB: readonly number[];
  readonly metrics: string;
}

export async function runStrangers(options: StrangersOptions): Promise<StrangersReport> {
  const { folder, seconds, quietSeconds, rate, clients } = options;
  const adminKey = newKey();
  const env = {
    TIDEMARK_DATA_DIR: join(folder, 'data'),
    TIDEMARK_ADMIN_KEY: adminKey,
    TIDEMARK_MEMORY_MIB: '4',
  };
  await using server = await startApp({ app: 'server', index: 0, folder, env });
  const headers = await honestHeaders(server, adminKey);
  const { host, port, pid } = server;
  const path = '/v1/stream/honest';
  const order: LoadOrder = {
    ...{ host, port, path, headers, rate },
    bodyBytes: 200,
    seconds: quietSeconds,
    connectionsMax: clients,
  };
  // Once for the compiler.
  await load(order);
  const quiet = await load(order);
  const strangers = startStrangers(server, options.strangers);
  await delay(1_000);
  const residentMiB: number[] = [];
  const watch = setInterval(() => residentMiB.push(residentOf(pid)), 500);
  const beside = await load({ ...order, seconds });
  clearInterval(watch);
  const metrics = await metricsAtRest(server);
  const connections = await strangers.stop();
  return { pid, quiet, beside, connections, residentMiB, metrics };
}

const looks = 100;
const lookMs = 100;

/** With the strangers still there: what the last of the honest requests hold is given back within moments. */
async function metricsAtRest({ url }: AppProcess): Promise<string> {
  let metrics = '';
  for (let look = 0; look < looks; look += 1) {
    metrics = await (await fetch(`${url}/metrics`)).text();
    if (/^tidemark_edge_body_bytes 0$/m.test(metrics)) break;
    await delay(lookMs);
  }
  return metrics;
}

async function honestHeaders(
  server: AppProcess,
  adminKey: string,
): Promise<Record<string, string>> {
  const apiKey = newKey();
  const made = await fetch(`${server.url}/v1/admin/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ id: 'honest', apiKey }),
  });
  if (made.status !== 201) throw new Error(`no tenant: ${await made.text()}`);
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'text/plain' };
  await fetch(`${server.url}/v1/stream/honest`, { method: 'PUT', headers });
  return headers;
}

function startStrangers(
  { host, port }: AppProcess,
  count: number,
): { readonly stop: () => Promise<number> } {
  const main = join(import.meta.dirname, 'stranger-load-main.ts');
  const child = spawn(process.execPath, [main, JSON.stringify({ host, port, count })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return {
    async stop() {
      child.stdin.end();
      const [text] = (await once(child.stdout, 'data')) as [Buffer];
      return (JSON.parse(String(text)) as { readonly connections: number }).connections;
    },
  };
}

/** Of the honest: what was not taken. */
export const refusedOf = ({ statuses }: LoadResult): Record<string, number> =>
  Object.fromEntries(Object.entries(statuses).filter(([status]) => status !== '204'));

const mean = (values: readonly number[]): number =>
  Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);

/** What was resident in each fifth of the time, on average. */
const fifthsOf = ({ residentMiB }: StrangersReport): number[] =>
  Array.from({ length: 5 }, (_, fifth) => {
    const at = (index: number): number => Math.floor((residentMiB.length * index) / 5);
    return mean(residentMiB.slice(at(fifth), at(fifth + 1)));
  });

/** From the second fifth of the time, when all are there, to the last. */
export function growthOf(report: StrangersReport): number {
  const [, second = 0, , , last = 0] = fifthsOf(report);
  return last - second;
}

export function strangersText(report: StrangersReport): string {
  const { pid, quiet, beside, connections, residentMiB } = report;
  const told = ({ acceptedRate, p50Ms, p99Ms, unsent }: LoadResult): string =>
    `${acceptedRate.toFixed(0)}/s, p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)} ms, unsent ${unsent}`;
  return [
    `measured: pid ${pid}: quiet ${told(quiet)}`,
    `measured: beside strangers ${told(beside)}, refused ${JSON.stringify(refusedOf(beside))}, broken ${beside.brokenConnections}`,
    `measured: p99 over its quiet value ${(beside.p99Ms / quiet.p99Ms).toFixed(2)}`,
    `measured: ${connections} connections of strangers, resident MiB by fifths of the time ${fifthsOf(report).join(' ')}, at most ${Math.max(...residentMiB)}`,
  ].join('\n');
}

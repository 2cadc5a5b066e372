// A tenant within its quota: by itself, beside one that asks for what it may, and beside one that asks for ten times
// as much. What the second costs is its work; what the third costs more is its refusals.

import { join } from 'node:path';
import { type AppProcess, startApp } from '@tidemark/infra';
import { type LoadOrder, type LoadResult, load } from './load/order.ts';
import { newKey } from './tenants.ts';

export interface QuotasOptions {
  readonly folder: string;
  /** Of each part of a round. */
  readonly seconds: number;
  readonly rounds: number;
  /** Appends a second: what the greedy tenant may, and a tenth of what it asks for. */
  readonly quota: number;
  /** Of the other tenant. */
  readonly rate: number;
}

export interface QuotasRound {
  readonly quiet: LoadResult;
  /** Beside one that keeps to its quota. */
  readonly within: LoadResult;
  /** Beside one that does not. */
  readonly beside: LoadResult;
  readonly greedy: LoadResult;
}

export async function runQuotas(options: QuotasOptions): Promise<readonly QuotasRound[]> {
  const { folder, seconds, rounds, quota, rate } = options;
  const adminKey = newKey();
  const env = { TIDEMARK_DATA_DIR: join(folder, 'data'), TIDEMARK_ADMIN_KEY: adminKey };
  await using server = await startApp({ app: 'server', index: 0, folder, env });
  const modest = await orderOf(server, { adminKey, tenant: 'modest', quota: undefined });
  const asked = await orderOf(server, { adminKey, tenant: 'greedy', quota });
  const order = { ...modest, rate, seconds };
  const greedy = { ...asked, rate: 10 * quota, seconds };
  // Once for the compiler.
  for (const each of [order, greedy]) await load({ ...each, seconds: Math.min(seconds, 10) });
  const measured: QuotasRound[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const quiet = await load(order);
    const [within] = await Promise.all([load(order), load({ ...greedy, rate: quota })]);
    const [beside, refused] = await Promise.all([load(order), load(greedy)]);
    measured.push({ quiet, within, beside, greedy: refused });
  }
  return measured;
}

/** What the other tenant's p99 is over its quiet value: the median of the rounds. */
export const besideQuiet = (rounds: readonly QuotasRound[]): number =>
  medianOf(rounds.map(({ quiet, beside }) => beside.p99Ms / quiet.p99Ms));

/** The same over its value beside one that keeps to its quota. */
const besideWithin = (rounds: readonly QuotasRound[]): number =>
  medianOf(rounds.map(({ within, beside }) => beside.p99Ms / within.p99Ms));

const medianOf = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN;

async function orderOf(
  { url, host, port }: AppProcess,
  made: {
    readonly adminKey: string;
    readonly tenant: string;
    readonly quota: number | undefined;
  },
): Promise<Omit<LoadOrder, 'seconds'>> {
  const { adminKey, tenant, quota } = made;
  const apiKey = newKey();
  const admin = async (path: string, body: object): Promise<void> => {
    const headers = { authorization: `Bearer ${adminKey}` };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await fetch(`${url}/v1/admin/tenants${path}`, init);
    if (!answer.ok) throw new Error(`no tenant: ${await answer.text()}`);
  };
  await admin('', { id: tenant, apiKey });
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'text/plain' };
  const path = '/v1/stream/appended';
  await fetch(`${url}${path}`, { method: 'PUT', headers });
  if (quota !== undefined) await admin(`/${tenant}`, { quotas: { appendsPerSecond: quota } });
  return { host, port, path, headers, bodyBytes: 200, connectionsMax: 100 };
}

export function quotasText(rounds: readonly QuotasRound[]): string {
  const told = ({ acceptedRate, p50Ms, p99Ms, statuses }: LoadResult): string =>
    `${acceptedRate.toFixed(0)}/s, p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)} ms, ${JSON.stringify(statuses)}`;
  const lines = rounds.flatMap(({ quiet, within, beside, greedy }) => [
    `measured: by itself ${told(quiet)}`,
    `measured: beside one within its quota ${told(within)}`,
    `measured: beside one that asks for more ${told(beside)}`,
    `measured: with ten times its quota ${told(greedy)}`,
  ]);
  const [overQuiet, overWithin] = [besideQuiet(rounds).toFixed(2), besideWithin(rounds).toFixed(2)];
  const ratios = `${overQuiet}, and over that beside one within its quota ${overWithin}`;
  return [...lines, `measured: p99 over its quiet value ${ratios}`].join('\n');
}

// Five times the sustainable load, and what it does to a server.

import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type LoadOrder, type LoadResult, load } from './load/order.ts';

export interface OverloadTarget {
  readonly host: string;
  readonly port: number;
  /** Processes whose memory counts. */
  readonly pids: readonly number[];
  readonly headers: Readonly<Record<string, string>>;
}

export interface OverloadOptions {
  readonly seconds: number;
  /** Of the measurements before and after. */
  readonly measuredSeconds: number;
  readonly connectionsMax: number;
}

export interface OverloadReport {
  readonly before: LoadResult;
  readonly half: LoadResult;
  readonly overload: LoadResult;
  readonly after: LoadResult;
  readonly residentMiB: readonly number[];
  readonly readyz: {
    readonly asked: number;
    readonly answered: number;
    readonly slowestMs: number;
  };
}

export async function runOverload(
  target: OverloadTarget,
  { seconds, measuredSeconds, connectionsMax }: OverloadOptions,
): Promise<OverloadReport> {
  const { host, port } = target;
  const path = '/v1/stream/overload';
  const headers = { ...target.headers, 'content-type': 'text/plain' };
  await fetch(`http://${host}:${port}${path}`, { method: 'PUT', headers });
  const order: LoadOrder = {
    host,
    port,
    path,
    headers,
    bodyBytes: 200,
    seconds: measuredSeconds,
    connectionsMax: 64,
  };
  // The first run is for the compiler.
  await load(order);
  const before = await load(order);
  const half = await load({ ...order, rate: before.acceptedRate / 2, connectionsMax: 256 });
  const watching = new AbortController();
  const watched = watch(target, watching.signal);
  const rate = before.acceptedRate * 5;
  const overload = await load({ ...order, rate, seconds, connectionsMax });
  watching.abort();
  const { residentMiB, ...readyz } = await watched;
  const after = await load(order);
  return { before, half, overload, after, residentMiB, readyz };
}

async function watch(
  { host, port, pids }: OverloadTarget,
  signal: AbortSignal,
): Promise<OverloadReport['readyz'] & { readonly residentMiB: number[] }> {
  const residentMiB: number[] = [];
  const found = { asked: 0, answered: 0, slowestMs: 0 };
  while (!signal.aborted) {
    residentMiB.push(pids.reduce((sum, pid) => sum + residentOf(pid), 0));
    const startMs = performance.now();
    found.asked += 1;
    const answer = await fetch(`http://${host}:${port}/readyz`).catch(() => undefined);
    await answer?.arrayBuffer().catch(() => undefined);
    if (answer?.status === 200) found.answered += 1;
    found.slowestMs = Math.max(found.slowestMs, performance.now() - startMs);
    await delay(200);
  }
  return { ...found, residentMiB };
}

export function residentOf(pid: number): number {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kib) / 1_024);
}

export function overloadText(report: OverloadReport): string {
  const { before, half, overload, after, residentMiB, readyz } = report;
  const tenths = Array.from(
    { length: 10 },
    (_, tenth) => residentMiB[Math.floor((residentMiB.length * tenth) / 10)] ?? 0,
  );
  const [, , first = 0] = tenths;
  const rateOf = ({ acceptedRate }: LoadResult): string => `${acceptedRate.toFixed(0)}/s`;
  const p99Of = ({ p99Ms }: LoadResult): string => `p99 ${p99Ms.toFixed(1)} ms`;
  return [
    `measured: sustainable ${rateOf(before)}, ${p99Of(before)}; at half of it ${p99Of(half)}`,
    `measured: at five times: accepted ${rateOf(overload)}, ${p99Of(overload)}, answers ${JSON.stringify(overload.statuses)}, unsent ${overload.unsent}, broken ${overload.brokenConnections}`,
    `measured: accepted by second: ${overload.bySecond.join(' ')}`,
    `measured: resident MiB at each tenth of the time ${tenths.join(' ')}; after a fifth ${first}, at most then ${Math.max(...residentMiB.slice(Math.floor(residentMiB.length * 0.2)))}`,
    `measured: /readyz answered ${readyz.answered} of ${readyz.asked}, slowest ${readyz.slowestMs.toFixed(0)} ms`,
    `measured: afterwards ${rateOf(after)}, ${p99Of(after)}`,
  ].join('\n');
}

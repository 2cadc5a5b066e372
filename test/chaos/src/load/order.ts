import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface LoadOrder {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBytes: number;
  readonly seconds: number;
  readonly connectionsMax: number;
  /** Requests a second; without it every connection asks again as soon as it is answered. */
  readonly rate?: number;
}

export interface LoadResult {
  readonly seconds: number;
  /** How many answers, by status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly acceptedRate: number;
  /** From sending to answer, of what was accepted. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Refusals that did not say when to come back. */
  readonly withoutRetryAfter: number;
  /** Due while every connection was waiting. */
  readonly unsent: number;
  readonly brokenConnections: number;
  /** Accepted in each second. */
  readonly bySecond: readonly number[];
}

/** In a process of its own. */
export function load(order: LoadOrder): Promise<LoadResult> {
  const main = join(import.meta.dirname, '../load-main.ts');
  const child = spawn(process.execPath, [main, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as LoadResult);
      else reject(new Error(`the load generator ended with ${code}`));
    });
  });
}

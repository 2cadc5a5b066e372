// Waits that are few enough for each to be kept.

import { spreadOf } from './sample.ts';

export interface Waits {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export async function timedMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

export const timedSeconds = async (work: () => Promise<unknown>): Promise<number> =>
  (await timedMs(work)) / 1_000;

export function waitsOf(waitsMs: readonly number[]): Waits {
  const sorted = waitsMs.toSorted((one, other) => one - other);
  const p99Ms = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  return { p50Ms: spreadOf(sorted).median, p99Ms };
}

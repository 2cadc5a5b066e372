// One round of one contestant, and what several rounds say together.

import { Latency } from './load/latency.ts';
import type { LoadResult } from './load/orders.ts';

export interface Sample {
  readonly latency: Latency;
  readonly append?: Latency;
  readonly count: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly errors: number;
  readonly firstError?: string;
  /** Share of an open loop's work that was done in the window. */
  readonly kept?: number;
  readonly bytes?: number;
  readonly generatorBusy: number;
  readonly latenessMs?: number;
}

/** Of all servers of a contestant together. `per` is how much work a counted operation is. */
export function sampleOf(result: LoadResult, per = 1): Sample {
  if (result.count === 0 && result.expected !== 0) {
    throw new Error(
      `nothing was answered in ${result.seconds.toFixed(1)} s. ${result.firstError ?? ''}`,
    );
  }
  const cpu = sum(
    result.after.map((after, index) => after.cpuSeconds - (result.before[index]?.cpuSeconds ?? 0)),
  );
  return {
    latency: Latency.decode(result.latency),
    ...(result.append === undefined ? {} : { append: Latency.decode(result.append) }),
    count: result.count * per,
    seconds: result.seconds,
    cpuSeconds: cpu,
    peakBytes: sum(result.after.map(({ peakBytes }) => peakBytes)),
    errors: result.errors,
    ...(result.firstError === undefined ? {} : { firstError: result.firstError }),
    ...(result.expected === undefined ? {} : { kept: result.count / result.expected }),
    ...(result.bytes === undefined ? {} : { bytes: result.bytes }),
    generatorBusy: result.generatorBusy,
    ...(result.lateness === undefined
      ? {}
      : { latenessMs: Latency.decode(result.lateness).atMs(0.99) }),
  };
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 === 1
      ? (sorted[Math.floor(middle)] ?? 0)
      : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

type Figure = (sample: Sample) => number;

export const perSecond: Figure = ({ count, seconds }) => count / seconds;
export const cpuMicros: Figure = ({ cpuSeconds, count }) => (cpuSeconds * 1e6) / Math.max(1, count);
export const p50: Figure = ({ latency }) => latency.atMs(0.5);
export const p99: Figure = ({ latency }) => latency.atMs(0.99);

/** Ours over theirs, round by round, because neighbours in time had the same machine. */
export const ratioOf = (
  ours: readonly Sample[],
  theirs: readonly Sample[],
  figure: Figure,
): Spread =>
  spreadOf(
    ours.flatMap((sample, round) => {
      const other = theirs[round];
      return other === undefined ? [] : [figure(sample) / figure(other)];
    }),
  );

export const middleOf = (samples: readonly Sample[], figure: Figure): number =>
  spreadOf(samples.map(figure)).median;

export function mergedLatency(samples: readonly Sample[]): Latency {
  const merged = new Latency();
  for (const { latency } of samples) merged.add(latency);
  return merged;
}

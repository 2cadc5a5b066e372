// What a benchmark hands back: rows of figures, and bars with a verdict.

import {
  cpuMicros,
  mergedLatency,
  middleOf,
  p50,
  p99,
  perSecond,
  ratioOf,
  type Sample,
  type Spread,
  spreadOf,
  sum,
} from './sample.ts';

export interface Row {
  readonly what: string;
  readonly contestant: string;
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
  readonly perSecond?: number;
  readonly cpuSecondsPerMillion?: number;
  readonly peakMib?: number;
  readonly errors?: number;
  /** Ours over this contestant's, median of the rounds and their extremes. */
  readonly rateRatio?: Spread;
  readonly p50Ratio?: Spread;
  readonly p99Ratio?: Spread;
  readonly cpuRatio?: Spread;
  readonly rounds?: number;
  readonly more?: Readonly<Record<string, number | string>>;
}

export type Verdict = 'PASS' | 'MISS' | 'NOT RUN';

export interface Bar {
  readonly text: string;
  readonly measured: string;
  readonly verdict: Verdict;
}

export interface Plot {
  readonly name: string;
  readonly svg: string;
}

export interface BenchmarkResult {
  readonly rows: readonly Row[];
  readonly bars: readonly Bar[];
  readonly plots?: readonly Plot[];
  /** What a document or a model is made from. */
  readonly figures?: object;
  readonly notes?: readonly string[];
}

const mebibyte = 1024 * 1024;
/** A busier generator measures itself. */
const saturatedShare = 0.95;
const latenessMaxMs = 5;

/** Rows of one measurement; the first contestant is ours. */
export function rowsOf(what: string, measured: ReadonlyMap<string, readonly Sample[]>): Row[] {
  const [ours] = measured.values();
  return [...measured].map(([contestant, samples]) => {
    const row = rowOf(what, contestant, samples);
    if (samples === ours || ours === undefined || samples.length === 0) return row;
    return {
      ...row,
      rateRatio: ratioOf(ours, samples, perSecond),
      p50Ratio: ratioOf(ours, samples, p50),
      p99Ratio: ratioOf(ours, samples, p99),
      cpuRatio: ratioOf(ours, samples, cpuMicros),
    };
  });
}

export function rowOf(what: string, contestant: string, samples: readonly Sample[]): Row {
  if (samples.length === 0) return { what, contestant, more: { failed: 'no round succeeded' } };
  const latency = mergedLatency(samples);
  const rate = spreadOf(samples.map(perSecond));
  const errors = sum(samples.map((sample) => sample.errors));
  return {
    what,
    contestant,
    p50Ms: latency.atMs(0.5),
    p95Ms: latency.atMs(0.95),
    p99Ms: latency.atMs(0.99),
    perSecond: rate.median,
    cpuSecondsPerMillion: middleOf(samples, cpuMicros),
    peakMib: Math.max(...samples.map(({ peakBytes }) => peakBytes)) / mebibyte,
    errors,
    rounds: samples.length,
    more: remarksOf(samples, rate),
  };
}

function remarksOf(samples: readonly Sample[], rate: Spread): Record<string, number | string> {
  const busy = Math.max(...samples.map(({ generatorBusy }) => generatorBusy));
  const lateness = Math.max(...samples.map(({ latenessMs }) => latenessMs ?? 0));
  const kept = Math.min(...samples.map((sample) => sample.kept ?? 1));
  const firstError = samples.find((sample) => sample.firstError !== undefined)?.firstError;
  return {
    rateMin: Math.round(rate.min),
    rateMax: Math.round(rate.max),
    generatorBusy: Number(busy.toFixed(2)),
    ...(busy > saturatedShare ? { generator: 'saturated' } : {}),
    ...(lateness > latenessMaxMs ? { generatorLateMs: Number(lateness.toFixed(1)) } : {}),
    ...(kept < 0.98 ? { keptShare: Number(kept.toFixed(3)) } : {}),
    ...(firstError === undefined ? {} : { firstError: firstError.slice(0, 120) }),
  };
}

const shown = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 3);

export const spreadText = ({ median, min, max }: Spread): string =>
  min === max ? shown(median) : `${shown(median)} (${shown(min)} to ${shown(max)})`;

const asSpread = (value: number | Spread): Spread =>
  typeof value === 'number' ? { median: value, min: value, max: value } : value;

function judged(
  text: string,
  value: number | Spread | undefined,
  passes: (median: number) => boolean,
): Bar {
  if (value === undefined || Number.isNaN(asSpread(value).median)) {
    return { text, measured: '', verdict: 'NOT RUN' };
  }
  const spread = asSpread(value);
  return { text, measured: spreadText(spread), verdict: passes(spread.median) ? 'PASS' : 'MISS' };
}

export const atLeast = (text: string, value: number | Spread | undefined, bound: number): Bar =>
  judged(`${text}: at least ${shown(bound)}`, value, (median) => median >= bound);

export const atMost = (text: string, value: number | Spread | undefined, bound: number): Bar =>
  judged(`${text}: at most ${shown(bound)}`, value, (median) => median <= bound);

export const notRun = (text: string, reason: string): Bar => ({
  text,
  measured: reason,
  verdict: 'NOT RUN',
});

/** Of a contestant that may be absent. */
export function ratioTo(
  measured: ReadonlyMap<string, readonly Sample[]>,
  [ours, theirs]: readonly [string, string],
  figure: (sample: Sample) => number,
): Spread | undefined {
  const one = measured.get(ours);
  const other = measured.get(theirs);
  if (one === undefined || other === undefined || other.length === 0) return undefined;
  return ratioOf(one, other, figure);
}

/** What a change may not make worse, by more than the rounds differ anyway. */
const worseMax = 0.97;

/** Ours over what it was before: as many a second, and no more of the processor. */
export const barsOver = (before: string, rows: readonly Row[]): Bar[] =>
  rows
    .filter(({ contestant }) => contestant === before)
    .flatMap(({ what, rateRatio, cpuRatio }) => [
      atLeast(`${what}: rate over before`, rateRatio, worseMax),
      atMost(`${what}: CPU over before`, cpuRatio, 1),
    ]);

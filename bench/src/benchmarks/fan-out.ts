import type { Benchmark } from '../benchmark.ts';
import { electric, nodeInMemory } from '../contestants/references.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import type { RunningContestants } from '../context.ts';
import type { Generator } from '../load/generator.ts';
import type { LoadResult } from '../load/orders.ts';
import { plotSvg } from '../plot.ts';
import { atMost, type Row, ratioTo, rowsOf } from '../result.ts';
import { cpuMicros, mergedLatency, p99, type Sample, sampleOf, spreadOf, sum } from '../sample.ts';
import { eventBytes } from './workload.ts';

const ours = tidemarkEmbedded.name;

/** What a connection costs: resident bytes with the followers, less those without. */
export function bytesPerFollower(result: LoadResult, followers: number): number {
  const before = sum((result.unconnected ?? []).map(({ residentBytes }) => residentBytes));
  const after = sum(result.after.map(({ residentBytes }) => residentBytes));
  return (after - before) / followers;
}

interface FollowShape {
  readonly followers: number;
  readonly sessions: number;
  readonly over?: 'sse' | 'socket';
  readonly perSecond: number;
  readonly warmMs: number;
  readonly forMs: number;
}

/** Deliveries, and what a connection costs in memory, by contestant. */
export async function measureFollowing(
  running: RunningContestants,
  generator: Generator,
  shape: FollowShape,
): Promise<{
  readonly measured: Map<string, Sample[]>;
  readonly bytesEach: ReadonlyMap<string, number[]>;
}> {
  const bytesEach = new Map<string, number[]>();
  const measured = await running.interleave(async ({ contestant, targets, reads, pids }) => {
    const [write, read] = [targets[0], reads[0]];
    if (write === undefined || read === undefined) throw new Error('a contestant has a target');
    const result = await generator.run({ kind: 'follow', write, read, pids, eventBytes, ...shape });
    const known = bytesEach.get(contestant.name) ?? [];
    bytesEach.set(contestant.name, [...known, bytesPerFollower(result, shape.followers)]);
    return sampleOf(result);
  });
  return { measured, bytesEach };
}

export const fanOut: Benchmark = {
  name: 'fan-out',
  title: 'SSE fan-out: 50 events/s of 256 B to all followers of one session; waits are deliveries',
  async run(context) {
    const references = await context.references(nodeInMemory, electric);
    await using running = await context.start([tidemarkEmbedded, ...references]);
    const rows: Row[] = [];
    const byFollowers = new Map<number, Map<string, Sample[]>>();
    let kibEach = Number.NaN;
    for (const followers of context.points([50, 200, 500, 1_000], [10])) {
      const { warmMs, forMs } = context;
      const { measured, bytesEach } = await measureFollowing(running, context.generator, {
        followers,
        sessions: 1,
        perSecond: 50,
        warmMs,
        forMs,
      });
      byFollowers.set(followers, measured);
      const kib = (name: string): number =>
        Number((spreadOf(bytesEach.get(name) ?? []).max / 1_024).toFixed(1));
      kibEach = kib(ours);
      rows.push(
        ...rowsOf(`${followers} followers`, measured).map((row) => ({
          ...row,
          more: { ...row.more, kibAFollower: kib(row.contestant) },
        })),
      );
    }
    const of = (followers: number) => byFollowers.get(followers) ?? new Map<string, Sample[]>();
    const samples = (followers: number) => of(followers).get(ours) ?? [];
    const at = (followers: number, share: number): number | undefined =>
      samples(followers).length === 0 ? undefined : mergedLatency(samples(followers)).atMs(share);
    const cpu = samples(1_000).map(cpuMicros);
    return {
      rows,
      plots: [sweep(rows)],
      bars: [
        atMost('p99 at 50 over Electric', ratioTo(of(50), [ours, 'electric'], p99), 1.5),
        atMost('p99 at 1,000 over Electric', ratioTo(of(1_000), [ours, 'electric'], p99), 1.1),
        atMost(
          'CPU a delivery at 1,000 over Electric',
          ratioTo(of(1_000), [ours, 'electric'], cpuMicros),
          1.1,
        ),
        atMost('p95 ms at 50', at(50, 0.95), 2),
        atMost('CPU us a delivery at 1,000', cpu.length === 0 ? undefined : spreadOf(cpu), 9),
        atMost('KiB a connection at 1,000', byFollowers.has(1_000) ? kibEach : undefined, 40),
      ],
    };
  },
};

function sweep(rows: readonly Row[]): { readonly name: string; readonly svg: string } {
  const series = [...new Set(rows.map(({ contestant }) => contestant))].map((name) => ({
    name,
    points: rows
      .filter(({ contestant }) => contestant === name)
      .map(({ what, p99Ms = 0 }) => [Number.parseInt(what, 10), p99Ms] as const),
  }));
  const options = { title: fanOut.title, xLabel: 'followers', yLabel: 'p99 ms' };
  return { name: 'fan-out', svg: plotSvg(series, options) };
}

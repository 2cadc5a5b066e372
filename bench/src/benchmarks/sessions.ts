import type { Benchmark } from '../benchmark.ts';
import { electric, nodeInMemory } from '../contestants/references.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { atMost, type Row, rowOf, rowsOf } from '../result.ts';
import { mergedLatency, type Sample, sampleOf } from '../sample.ts';
import { bytesPerFollower, measureFollowing } from './fan-out.ts';
import { eventBytes } from './workload.ts';

const ours = tidemarkEmbedded.name;

export const sessions: Benchmark = {
  name: 'sessions',
  title: '1,000 sessions with one SSE follower each and 1 event/s each; then 10,000 idle followers',
  async run(context) {
    const references = await context.references(nodeInMemory, electric);
    const rows: Row[] = [];
    const count = context.scaled(1_000, 20);
    const { warmMs, forMs, generator } = context;
    let delivered: Sample[] = [];
    {
      await using running = await context.start([tidemarkEmbedded, ...references]);
      const { measured } = await measureFollowing(running, generator, {
        followers: count,
        sessions: count,
        perSecond: count,
        warmMs,
        forMs,
      });
      delivered = measured.get(ours) ?? [];
      rows.push(...rowsOf(`${count} sessions, deliveries`, measured));
      for (const [name, samples] of measured) rows.push(appendRow(count, name, samples));
    }
    const idle = await measureIdle(context, rows);
    const append99 = mergedAppend(delivered);
    return {
      rows,
      bars: [
        atMost(
          'delivery p99 ms (append p99 + 3)',
          mergedLatency(delivered).atMs(0.99),
          append99 + 3,
        ),
        atMost('10,000 idle: percent of a core', idle.corePercent, 3),
        atMost('10,000 idle: KiB a follower', idle.kibEach, 40),
      ],
    };
  },
};

function mergedAppend(samples: readonly Sample[]): number {
  return mergedLatency(samples.flatMap(appendSample)).atMs(0.99);
}

const appendSample = (sample: Sample): Sample[] =>
  sample.append === undefined ? [] : [{ ...sample, latency: sample.append }];

function appendRow(count: number, name: string, samples: readonly Sample[]): Row {
  const { what, contestant, p50Ms, p95Ms, p99Ms } = rowOf(
    `${count} sessions, their appends`,
    name,
    samples.flatMap(appendSample),
  );
  const waits = {
    ...(p50Ms === undefined ? {} : { p50Ms }),
    ...(p95Ms === undefined ? {} : { p95Ms }),
  };
  return { what, contestant, ...waits, ...(p99Ms === undefined ? {} : { p99Ms }) };
}

type IdleContext = Parameters<Benchmark['run']>[0];

/** A server of its own, so that what came before is not in its memory. */
async function measureIdle(
  context: IdleContext,
  rows: Row[],
): Promise<{ readonly corePercent: number; readonly kibEach: number }> {
  await using running = await context.start([tidemarkEmbedded]);
  const [server] = running.all;
  const [target] = server?.targets ?? [];
  if (server === undefined || target === undefined) throw new Error('a server runs');
  const followers = context.scaled(10_000, 50);
  const result = await context.generator.run({
    kind: 'follow',
    pids: server.pids,
    write: target,
    read: target,
    followers,
    sessions: context.scaled(1_000, 10),
    perSecond: 0,
    eventBytes,
    warmMs: context.scaled(4_000, 100),
    forMs: context.scaled(20_000, 300),
  });
  const { cpuSeconds, seconds, peakBytes } = sampleOf(result);
  const corePercent = (cpuSeconds / seconds) * 100;
  const kibEach = bytesPerFollower(result, followers) / 1_024;
  rows.push({
    what: `${followers} idle followers`,
    contestant: ours,
    peakMib: peakBytes / 1_048_576,
    more: { corePercent: Number(corePercent.toFixed(2)), kibAFollower: Number(kibEach.toFixed(1)) },
  });
  return { corePercent, kibEach };
}

import type { Benchmark } from '../benchmark.ts';
import { electric, nodeInMemory } from '../contestants/references.ts';
import { tidemarkEmbedded, tidemarkSeparate } from '../contestants/tidemark.ts';
import type { Context, RunningContestants } from '../context.ts';
import { atMost, type Bar, type Row, ratioTo, rowOf, rowsOf } from '../result.ts';
import { mergedLatency, p50, type Sample, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

type Live = 'long-poll' | 'sse';

async function measure(
  { generator, isSmoke }: Context,
  running: RunningContestants,
  live: Live,
): Promise<Map<string, Sample[]>> {
  return running.interleave(async ({ targets, reads, pids }) => {
    const [write, read] = [targets[0], reads[0]];
    if (write === undefined || read === undefined) throw new Error('a contestant has a target');
    const counts = isSmoke ? { warmCount: 2, count: 10 } : { warmCount: 100, count: 400 };
    const order = { kind: 'wake', write, read, pids, live, eventBytes, ...counts } as const;
    return sampleOf(await generator.run(order));
  });
}

const p50OfAll = (samples: readonly Sample[]): number => mergedLatency(samples).atMs(0.5);

const ofAppends = (samples: readonly Sample[]): Sample[] =>
  samples.flatMap((sample) =>
    sample.append === undefined ? [] : [{ ...sample, latency: sample.append }],
  );

interface Judged {
  readonly rows: Row[];
  readonly bars: Bar[];
}

async function both(
  context: Context,
  running: RunningContestants,
  { where, graceMs }: { readonly where: string; readonly graceMs: Readonly<Record<Live, number>> },
): Promise<Judged> {
  const rows: Row[] = [];
  const bars: Bar[] = [];
  for (const live of ['long-poll', 'sse'] as const) {
    const measured = await measure(context, running, live);
    const [ours = []] = measured.values();
    const grace = graceMs[live];
    rows.push(...rowsOf(`${where}, ${live}`, measured));
    for (const [name, samples] of measured) {
      rows.push(rowOf(`${where}, ${live}: its append`, name, ofAppends(samples)));
    }
    const text = `${where}, ${live}: p50 ms (append p50 + ${grace})`;
    bars.push(atMost(text, p50OfAll(ours), p50OfAll(ofAppends(ours)) + grace));
    if (!measured.has('electric')) continue;
    const over = ratioTo(measured, [tidemarkEmbedded.name, 'electric'], p50);
    bars.push(atMost(`${where}, ${live}: p50 over Electric`, over, 1.3));
  }
  return { rows, bars };
}

export const wake: Benchmark = {
  name: 'wake',
  title: 'From append sent to event received, one follower, one append at a time',
  async run(context) {
    const references = await context.references(nodeInMemory, electric);
    const judged: Judged[] = [];
    {
      await using running = await context.start([tidemarkEmbedded, ...references]);
      const graceMs = { 'long-poll': 0.15, sse: 0.25 };
      judged.push(await both(context, running, { where: 'embedded', graceMs }));
    }
    const { bootstrap } = await context.kafka();
    await using running = await context.start([tidemarkSeparate(bootstrap)]);
    const graceMs = { 'long-poll': 2, sse: 2 };
    judged.push(await both(context, running, { where: 'separate, Kafka', graceMs }));
    return {
      rows: judged.flatMap(({ rows }) => rows),
      bars: judged.flatMap(({ bars }) => bars),
    };
  },
};

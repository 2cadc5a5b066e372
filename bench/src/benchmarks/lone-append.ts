import type { Benchmark } from '../benchmark.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { electric, nodeInMemory } from '../contestants/references.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { type Context, interleave } from '../context.ts';
import { atMost, ratioTo, rowsOf } from '../result.ts';
import { p50, type Sample, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

/** Most agents append a few times a second: what they feel is an idle server. */
const pauseMs = 5;

interface Appended {
  readonly first: Sample;
  readonly later: Sample;
}

/** By a process that has just started. */
async function appendAlone(context: Context, contestant: Contestant): Promise<Appended> {
  await using running = await contestant.start(context.place);
  const { targets, pids } = running;
  const append = async (count: number): Promise<Sample> =>
    sampleOf(
      await context.generator.run({
        kind: 'append',
        targets,
        pids,
        clients: 1,
        eventsPerAppend: 1,
        eventBytes,
        asProducers: true,
        pauseMs,
        warmMs: 0,
        forMs: count * (pauseMs + 1),
      }),
    );
  const first = await append(context.scaled(1_000, 20));
  return { first, later: await append(context.scaled(1_000, 20)) };
}

export const loneAppend: Benchmark = {
  name: 'lone-append',
  title: 'One producer that appends 256 B and pauses for 5 ms, to a process that has just started',
  async run(context) {
    const contestants = [
      tidemarkEmbedded,
      ...(await context.references(nodeInMemory, electric)),
    ] as const;
    const later = new Map<string, Sample[]>(contestants.map(({ name }) => [name, []]));
    const first = await interleave({
      of: contestants.map((contestant) => [
        contestant.name,
        async () => {
          const appended = await appendAlone(context, contestant);
          later.get(contestant.name)?.push(appended.later);
          return appended.first;
        },
      ]),
      rounds: context.rounds,
      say: context.say,
    });
    const over = (measured: ReadonlyMap<string, readonly Sample[]>) =>
      ratioTo(measured, [tidemarkEmbedded.name, 'electric'], p50);
    return {
      rows: [...rowsOf('the first 1,000', first), ...rowsOf('later', later)],
      bars: [
        atMost('first 1,000: p50 over Electric', over(first), 1.4),
        atMost('later: p50 over Electric', over(later), 1.1),
      ],
    };
  },
};

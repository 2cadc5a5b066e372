import type { Benchmark } from '../benchmark.ts';
import { electric, nodeInMemory } from '../contestants/references.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { interleave } from '../context.ts';
import { atLeast, ratioTo, rowsOf } from '../result.ts';
import { perSecond, type Sample, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

const ours = tidemarkEmbedded.name;
const inMemory = 'node reference, memory';

export const appendProducers: Benchmark = {
  name: 'append-producers',
  title: 'Append of 256 B to byte streams with producer headers, one client a stream, embedded',
  async run(context) {
    const references = await context.references(nodeInMemory, electric);
    await using running = await context.start([tidemarkEmbedded, ...references]);
    const { warmMs, forMs, generator } = context;
    const byStreams = new Map<number, ReadonlyMap<string, readonly Sample[]>>();
    for (const clients of context.points([1, 16, 100, 500], [1, 8])) {
      const common = { kind: 'append', eventsPerAppend: 1, eventBytes, warmMs, forMs } as const;
      const of = running.all.map(({ contestant, targets, pids }) => {
        const order = { ...common, targets, pids, clients, asProducers: true };
        return [contestant.name, async () => sampleOf(await generator.run(order))] as const;
      });
      const measured = await interleave({ of, rounds: context.rounds, say: context.say });
      byStreams.set(clients, measured);
    }
    const rows = [...byStreams].flatMap(([streams, measured]) =>
      rowsOf(`${streams} streams`, measured),
    );
    const bar = (streams: number, reference: string, least: number) =>
      atLeast(
        `rate at ${streams} over ${reference}`,
        ratioTo(byStreams.get(streams) ?? new Map(), [ours, reference], perSecond),
        least,
      );
    const bars = [
      bar(16, inMemory, 0.9),
      bar(100, inMemory, 1.3),
      bar(500, inMemory, 1.2),
      bar(16, 'electric', 0.75),
      bar(100, 'electric', 0.75),
    ];
    return { rows, bars };
  },
};

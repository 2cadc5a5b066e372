import type { Benchmark } from '../benchmark.ts';
import { kafkajs } from '../contestants/kafkajs.ts';
import { tidemarkOnKafka } from '../contestants/tidemark.ts';
import { interleave } from '../context.ts';
import { atLeast, ratioTo, rowsOf } from '../result.ts';
import { middleOf, perSecond, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

const eventsPerAppend = 100;

export const kafkaBatches: Benchmark = {
  name: 'kafka-batches',
  title: 'Append in batches of 100 x 256 B through HTTP on Kafka, acks=all; rates are of events',
  async run(context) {
    const { bootstrap } = await context.kafka();
    const contestant = tidemarkOnKafka(bootstrap);
    await using running = await context.start([contestant]);
    const [server] = running.all;
    if (server === undefined) throw new Error('a server runs');
    const { targets, pids } = server;
    const { generator, warmMs, forMs, rounds, say } = context;
    const ours = async (clients: number, warm = warmMs) =>
      sampleOf(
        await generator.run({
          kind: 'append',
          targets,
          pids,
          clients,
          eventsPerAppend,
          eventBytes,
          warmMs: warm,
          forMs,
        }),
        eventsPerAppend,
      );
    await ours(16, context.scaled(6_000, 100));
    const shapes = context.scaled(
      [
        { partitions: 1, recordsPerSend: 500, concurrent: 4 },
        { partitions: 1, recordsPerSend: 2_000, concurrent: 4 },
        { partitions: 3, recordsPerSend: 1_000, concurrent: 6 },
        { partitions: 8, recordsPerSend: 500, concurrent: 8 },
      ],
      [{ partitions: 1, recordsPerSend: 100, concurrent: 2 }],
    );
    const rivals = shapes.map((shape) => {
      const { partitions, recordsPerSend, concurrent } = shape;
      const name = `kafkajs, ${recordsPerSend} a send, ${concurrent} at once, ${partitions} partitions`;
      const warm = context.scaled(2_500, 100);
      return [name, () => kafkajs(bootstrap, { ...shape, warmMs: warm, forMs })] as const;
    });
    const measured = await interleave({
      of: [
        [`${contestant.name}, 16 clients`, () => ours(16)],
        [`${contestant.name}, 64 clients`, () => ours(64)],
        ...rivals,
      ],
      rounds,
      say,
    });
    const rate = (name: string): number => middleOf(measured.get(name) ?? [], perSecond);
    const byRate = (names: readonly string[]): string =>
      names.toSorted((one, other) => rate(other) - rate(one))[0] ?? '';
    const names = [...measured.keys()];
    const mine = byRate(names.slice(0, 2));
    const best = byRate(names.slice(2));
    const ratio = ratioTo(measured, [mine, best], perSecond);
    return {
      rows: rowsOf('events', measured),
      bars: [
        atLeast(`events/s over the best kafkajs (${best})`, ratio, 0.8),
        atLeast('stretch: more than it', ratio, 1),
      ],
      notes: ['every event goes into one partition; kafkajs may use several'],
    };
  },
};

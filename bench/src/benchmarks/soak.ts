import type { Benchmark } from '../benchmark.ts';
import type { Running } from '../contestants/contestant.ts';
import { tidemarkEmbeddedWith, tidemarkOnKafka } from '../contestants/tidemark.ts';
import type { Context } from '../context.ts';
import { atMost, type Bar, type Row, rowOf } from '../result.ts';
import { sampleOf, sum } from '../sample.ts';
import { eventBytes } from './workload.ts';

const minutes = 5;
const loadShare = 0.7;
/** Small enough to be full in the first minute: what grows after it is a leak. */
const memoryMib = '64';

export const soak: Benchmark = {
  name: 'soak',
  title: 'Five minutes at 70 % of saturation, open loop, 100 clients, embedded and Kafka',
  isLong: true,
  async run(context) {
    const { bootstrap } = await context.kafka();
    const rows: Row[] = [];
    const bars: Bar[] = [];
    for (const contestant of [
      tidemarkEmbeddedWith({ TIDEMARK_MEMORY_MIB: memoryMib }),
      tidemarkOnKafka(bootstrap, { TIDEMARK_MEMORY_MIB: memoryMib }),
    ]) {
      await using running = await context.start([contestant]);
      const [server] = running.all;
      if (server === undefined) throw new Error('a server runs');
      const soaked = await soakOne(context, server);
      rows.push(...soaked.rows);
      bars.push(...soaked.bars);
    }
    return { rows, bars, notes: [`${memoryMib} MiB of event bodies are kept in memory`] };
  },
};

async function soakOne(
  context: Context,
  { contestant, targets, pids }: Running,
): Promise<{ readonly rows: Row[]; readonly bars: Bar[] }> {
  const { generator } = context;
  const clients = context.scaled(100, 4);
  const common = {
    kind: 'append',
    targets,
    pids,
    clients,
    eventsPerAppend: 1,
    eventBytes,
  } as const;
  const warmMs = context.scaled(8_000, 100);
  const most = await generator.run({ ...common, warmMs, forMs: context.forMs });
  const perSecond = Math.round((most.count / most.seconds) * loadShare);
  const rows: Row[] = [];
  const figures: { readonly p99Ms: number; readonly residentMib: number }[] = [];
  for (let minute = 1; minute <= context.scaled(minutes, 2); minute += 1) {
    const forMs = context.scaled(60_000, 200);
    const order = { ...common, perSecond, prefix: 'soak', warmMs: context.scaled(500, 20), forMs };
    const result = await generator.run(order);
    const sample = sampleOf(result);
    const residentMib = sum(result.after.map(({ residentBytes }) => residentBytes)) / 1_048_576;
    figures.push({ p99Ms: sample.latency.atMs(0.99), residentMib });
    const row = rowOf(`minute ${minute}, ${perSecond}/s`, contestant.name, [sample]);
    rows.push({ ...row, more: { ...row.more, residentMib: Math.round(residentMib) } });
  }
  const [second, last] = [figures[1], figures.at(-1)];
  if (second === undefined || last === undefined) return { rows, bars: [] };
  return {
    rows,
    bars: [
      atMost(
        `${contestant.name}: p99 of the last minute over the second's`,
        last.p99Ms / second.p99Ms,
        1.2,
      ),
      atMost(
        `${contestant.name}: memory of the last minute over the second's`,
        last.residentMib / second.residentMib,
        1.2,
      ),
    ],
  };
}

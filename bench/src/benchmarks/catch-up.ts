import type { Benchmark } from '../benchmark.ts';
import { electric, nodeInMemory } from '../contestants/references.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { atMost, type Row, ratioTo, rowsOf } from '../result.ts';
import { mergedLatency, p50, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

const ours = tidemarkEmbedded.name;
const mebibyte = 1024 * 1024;

export const catchUp: Benchmark = {
  name: 'catch-up',
  title: 'Catch-up from memory: one GET of 50,000 x 256 B, and 100 clients that replay 2 MB each',
  async run(context) {
    const references = await context.references(nodeInMemory, electric);
    await using running = await context.start([tidemarkEmbedded, ...references]);
    const { generator } = context;
    const large = { session: 'large', events: context.scaled(50_000, 500), clients: 1 };
    const shared = {
      session: 'shared',
      events: Math.floor((context.scaled(2, 0.1) * 1_000_000) / eventBytes),
      clients: context.scaled(100, 5),
    };
    for (const { targets, pids } of running.all) {
      const [target] = targets;
      if (target === undefined) continue;
      for (const { session, events } of [large, shared]) {
        await generator.run({
          kind: 'fill',
          pids,
          target,
          sessions: [session],
          events,
          eventsPerAppend: 100,
          eventBytes,
        });
      }
    }
    const measure = ({ session, events, clients }: typeof large) =>
      running.interleave(
        async ({ reads, pids }) => {
          const [target] = reads;
          if (target === undefined) throw new Error('a contestant has a target');
          const result = await generator.run({
            kind: 'catch-up',
            pids,
            target,
            session,
            clients,
            warmCount: context.scaled(5, 1),
            count: context.scaled(clients === 1 ? 30 : 10, 2),
            bytesMin: events * eventBytes,
          });
          return sampleOf(result);
        },
        context.isAlone ? 1 : 5,
      );
    const one = await measure(large);
    const many = await measure(shared);
    const median = (measured: typeof one) => mergedLatency(measured.get(ours) ?? []).atMs(0.5);
    const rates = (row: Row, bytes: number): Row => ({
      ...row,
      more: { ...row.more, mibPerSecond: Math.round(((row.perSecond ?? 0) * bytes) / mebibyte) },
    });
    return {
      rows: [
        ...rowsOf(`${large.events} events, 1 client`, one).map((row) =>
          rates(row, large.events * (eventBytes + 1)),
        ),
        ...rowsOf(`2 MB, ${shared.clients} clients, until the last has it`, many).map((row) =>
          rates(row, shared.events * (eventBytes + 1)),
        ),
      ],
      bars: [
        atMost('p50 ms of 50,000 x 256 B in one GET', median(one), 6),
        atMost('the same over Electric', ratioTo(one, [ours, 'electric'], p50), 1),
        atMost('replay by 100 clients over Electric', ratioTo(many, [ours, 'electric'], p50), 1.3),
      ],
    };
  },
};

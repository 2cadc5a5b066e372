import type { Benchmark } from '../benchmark.ts';
import { fileWriter } from '../contestants/file-writer.ts';
import { electric } from '../contestants/references.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { interleave } from '../context.ts';
import { atLeast, ratioTo, rowsOf } from '../result.ts';
import { perSecond, type Sample, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

const ours = tidemarkEmbedded.name;
const writer = 'framed file, write + fdatasync';
const eventsPerAppend = 250;

export const appendBatches: Benchmark = {
  name: 'append-batches',
  title: 'Append in batches of 250 x 256 B, embedded, synced; rates are of events',
  async run(context) {
    const references = await context.references(electric);
    await using running = await context.start([tidemarkEmbedded, ...references]);
    const { warmMs, forMs, generator, rounds, say } = context;
    const byClients = new Map<number, Map<string, Sample[]>>();
    for (const clients of context.points([1, 16], [1, 16])) {
      const servers = running.all.map(
        ({ contestant, targets, pids }) =>
          [
            contestant.name,
            async () =>
              sampleOf(
                await generator.run({
                  kind: 'append',
                  targets,
                  pids,
                  clients,
                  eventsPerAppend,
                  eventBytes,
                  warmMs,
                  forMs,
                }),
                eventsPerAppend,
              ),
          ] as const,
      );
      const frames = eventsPerAppend * clients;
      const file = [writer, () => fileWriter(context, { frames, forMs })] as const;
      byClients.set(clients, await interleave({ of: [...servers, file], rounds, say }));
    }
    const ratio = (clients: number, reference: string) =>
      ratioTo(byClients.get(clients) ?? new Map(), [ours, reference], perSecond);
    return {
      rows: [...byClients].flatMap(([clients, measured]) => rowsOf(`${clients} clients`, measured)),
      bars: [
        atLeast('events/s at 1 client over Electric', ratio(1, 'electric'), 0.6),
        atLeast('events/s at 16 clients over Electric', ratio(16, 'electric'), 0.6),
        atLeast('events/s at 1 client over the framed file', ratio(1, writer), 0.3),
      ],
      notes: ['the framed file writes as many frames at once as the clients have outstanding'],
    };
  },
};

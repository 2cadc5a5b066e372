import type { Benchmark } from '../benchmark.ts';
import { electric, nodeInMemory } from '../contestants/references.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { atMost, type Row, ratioTo, rowsOf } from '../result.ts';
import { cpuMicros, type Sample, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

const ours = tidemarkEmbedded.name;

export const appendCpu: Benchmark = {
  name: 'append-cpu',
  title: 'Server CPU per append at a fixed 2,000 a second, open loop, 256 B, embedded, synced',
  async run(context) {
    const references = await context.references(nodeInMemory, electric);
    await using running = await context.start([tidemarkEmbedded, ...references]);
    const { warmMs, forMs, generator } = context;
    const perSecond = context.scaled(2_000, 200);
    // One stream is appended to by several clients, or its round trips would set the rate.
    const shapes = [
      { what: '100 streams', streams: 100, clients: 100 },
      { what: '1 stream', streams: 1, clients: 8 },
    ];
    const byShape = new Map<string, Map<string, Sample[]>>();
    for (const { what, streams, clients } of shapes) {
      const measured = await running.interleave(async ({ targets, pids }) =>
        sampleOf(
          await generator.run({
            kind: 'append',
            targets,
            pids,
            clients,
            streams,
            perSecond,
            eventsPerAppend: 1,
            eventBytes,
            warmMs,
            forMs,
          }),
        ),
      );
      byShape.set(what, measured);
    }
    const ratio = (what: string, reference: string) =>
      ratioTo(byShape.get(what) ?? new Map(), [ours, reference], cpuMicros);
    const rows: Row[] = [...byShape].flatMap(([what, measured]) => rowsOf(what, measured));
    const bars = [
      atMost(
        'CPU over 100 streams over node in memory',
        ratio('100 streams', 'node reference, memory'),
        1,
      ),
      atMost('CPU over 1 stream over Electric', ratio('1 stream', 'electric'), 2),
    ];
    return { rows, bars };
  },
};

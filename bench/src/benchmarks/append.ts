import type { Benchmark } from '../benchmark.ts';
import { fileWriter } from '../contestants/file-writer.ts';
import { electric, nodeFileBacked, nodeInMemory } from '../contestants/references.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { interleave } from '../context.ts';
import { plotSvg } from '../plot.ts';
import { atLeast, atMost, type Bar, type Row, ratioTo, rowsOf } from '../result.ts';
import { mergedLatency, perSecond, type Sample, sampleOf, sum } from '../sample.ts';
import { eventBytes } from './workload.ts';

const ours = tidemarkEmbedded.name;
const writer = 'write + fdatasync loop';
type Measured = ReadonlyMap<string, readonly Sample[]>;

export const append: Benchmark = {
  name: 'append',
  title: 'Append, 256 B, one event a request, one client a stream, embedded, synced',
  async run(context) {
    const references = await context.references(nodeInMemory, nodeFileBacked, electric);
    await using running = await context.start([tidemarkEmbedded, ...references]);
    const { warmMs, forMs, generator } = context;
    const byStreams = new Map<number, Measured>();
    for (const clients of context.points([1, 16, 100, 500], [1, 8])) {
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
                  eventsPerAppend: 1,
                  eventBytes,
                  warmMs,
                  forMs,
                }),
              ),
          ] as const,
      );
      const alone = [writer, () => fileWriter(context, { frames: 1, forMs })] as const;
      byStreams.set(
        clients,
        await interleave({
          of: clients === 1 ? [...servers, alone] : servers,
          rounds: context.rounds,
          say: context.say,
        }),
      );
    }
    const rows = [...byStreams].flatMap(([streams, measured]) =>
      rowsOf(`${streams} streams`, measured),
    );
    return { rows, bars: barsOf(byStreams), plots: [sweep(rows)] };
  },
};

function barsOf(byStreams: ReadonlyMap<number, Measured>): Bar[] {
  const rate = (streams: number, reference: string) =>
    ratioTo(byStreams.get(streams) ?? new Map(), [ours, reference], perSecond);
  const alone = byStreams.get(1);
  const p50 = (name: string): number => mergedLatency(alone?.get(name) ?? []).atMs(0.5);
  const errors = sum((byStreams.get(500)?.get(ours) ?? []).map((sample) => sample.errors));
  return [
    atLeast('rate at 100 over node in memory', rate(100, 'node reference, memory'), 1.3),
    atLeast('rate at 100 over node file-backed', rate(100, 'node reference, file'), 12),
    atLeast('rate at 100 over Electric', rate(100, 'electric'), 0.75),
    atLeast('rate at 16 over node in memory', rate(16, 'node reference, memory'), 0.9),
    atLeast('rate at 500 over node in memory', rate(500, 'node reference, memory'), 1.2),
    atMost('errors at 500', byStreams.has(500) ? errors : undefined, 0),
    atMost('p50 ms at 1 (fdatasync + 0.25)', p50(ours), p50(writer) + 0.25),
    atLeast('stretch: rate at 100 over Electric', rate(100, 'electric'), 1),
    atLeast('stretch: rate at 500 over Electric', rate(500, 'electric'), 1),
  ];
}

function sweep(rows: readonly Row[]): { readonly name: string; readonly svg: string } {
  const names = [...new Set(rows.map(({ contestant }) => contestant))].filter(
    (name) => name !== writer,
  );
  const series = names.map((name) => ({
    name,
    points: rows
      .filter(({ contestant }) => contestant === name)
      .map(({ what, perSecond: rate = 0 }) => [Number.parseInt(what, 10), rate] as const),
  }));
  const options = { title: append.title, xLabel: 'streams', yLabel: 'appends a second' };
  return { name: 'append', svg: plotSvg(series, options) };
}

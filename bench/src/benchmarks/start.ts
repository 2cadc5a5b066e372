import { join } from 'node:path';
import type { Benchmark } from '../benchmark.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { tidemarkKept, tidemarkOnKafka } from '../contestants/tidemark.ts';
import type { Context } from '../context.ts';
import type { Target } from '../load/orders.ts';
import { processFigures } from '../process-figures.ts';
import { atMost, type Bar, type Row } from '../result.ts';
import { runName } from '../run-name.ts';
import { spreadOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

/** A hundred, or fewer with a hundred events each. */
const sessionsOf = (events: number): number => Math.min(100, events / 100);

interface Started {
  readonly readyMs: number;
  /** Until every session answers with its true end. */
  readonly foldedMs: number;
  readonly peakMib: number;
  readonly cpuSeconds: number;
}

const nameOf = (index: number): string => `start-${runName}-${index}`;

async function untilFolded({ host, port }: Target, events: number): Promise<void> {
  const eventsEach = events / sessionsOf(events);
  for (let index = 0; index < sessionsOf(events); index += 1) {
    const response = await fetch(`http://${host}:${port}/v1/stream/${nameOf(index)}`, {
      method: 'HEAD',
    });
    const offset = response.headers.get('stream-next-offset') ?? '';
    if (Number.parseInt(offset, 10) !== eventsEach) {
      throw new Error(`session ${index} ends at ${offset}, not at ${eventsEach}`);
    }
  }
}

async function startOnce(
  context: Context,
  contestant: Contestant,
  events: number,
): Promise<Started> {
  const startMs = performance.now();
  await using running = await contestant.start(context.place);
  const readyMs = performance.now() - startMs;
  const [target] = running.targets;
  if (target !== undefined && events > 0) await untilFolded(target, events);
  const foldedMs = performance.now() - startMs;
  const { peakBytes, cpuSeconds } = processFigures(running.pids[0] ?? 0);
  return { readyMs, foldedMs, peakMib: peakBytes / 1_048_576, cpuSeconds };
}

async function fill(context: Context, contestant: Contestant, events: number): Promise<void> {
  await using running = await contestant.start({ ...context.place, profileFolder: undefined });
  const [target] = running.targets;
  if (target === undefined) throw new Error('a server has a target');
  const startMs = performance.now();
  await context.generator.run({
    kind: 'fill',
    pids: running.pids,
    target,
    sessions: Array.from({ length: sessionsOf(events) }, (_, index) => nameOf(index)),
    events,
    eventsPerAppend: Math.min(500, events / sessionsOf(events)),
    eventBytes,
  });
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  context.say(`  ${contestant.name}: ${events} events written in ${seconds} s, then killed`);
}

export const start: Benchmark = {
  name: 'start',
  title: 'Start after a kill, until ready and until every session answers with its end',
  async run(context) {
    const { bootstrap } = await context.kafka();
    const events = context.scaled(1_000_000, 1_000);
    const { folder } = context.place;
    const cases = [
      { what: 'empty', contestant: tidemarkKept(join(folder, 'empty')), events: 0, bar: 1_000 },
      {
        what: `${events} events`,
        contestant: tidemarkKept(join(folder, 'full')),
        events,
        bar: 5_000,
      },
      { what: `${events} events`, contestant: tidemarkOnKafka(bootstrap), events, bar: 10_000 },
    ];
    const rows: Row[] = [];
    const bars: Bar[] = [];
    for (const { what, contestant, events: count, bar } of cases) {
      context.say(`  ${contestant.name}, ${what}; durability: ${contestant.durability}`);
      if (count > 0) await fill(context, contestant, count);
      const rounds: Started[] = [];
      for (let round = 0; round < context.rounds; round += 1) {
        rounds.push(await startOnce(context, contestant, count));
      }
      const ready = spreadOf(rounds.map(({ readyMs }) => readyMs));
      const folded = spreadOf(rounds.map(({ foldedMs }) => foldedMs));
      rows.push({
        what,
        contestant: contestant.name,
        peakMib: Math.max(...rounds.map(({ peakMib }) => peakMib)),
        rounds: rounds.length,
        more: {
          readyMs: Math.round(ready.median),
          foldedMs: Math.round(folded.median),
          slowestMs: Math.round(folded.max),
          cpuSeconds: Number(
            spreadOf(rounds.map(({ cpuSeconds }) => cpuSeconds)).median.toFixed(2),
          ),
        },
      });
      bars.push(atMost(`${contestant.name}, ${what}: ms until all is folded`, folded, bar));
    }
    return { rows, bars, notes: ['the time begins before the process is spawned'] };
  },
};

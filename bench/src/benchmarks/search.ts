import { SeededPrng } from '@tidemark/ports/testing';
import type { SearchEvent } from '@tidemark/search';
import { AgentLog } from '@tidemark/search/testing';
import type { Benchmark } from '../benchmark.ts';
import type { Context } from '../context.ts';
import { Latency } from '../load/latency.ts';
import { atLeast, atMost, type Bar, notRun, type Row } from '../result.ts';
import { type Spread, spreadOf } from '../sample.ts';
import { Fts5Index } from '../search/fts5-index.ts';
import { type Questions, questionsOf, wordCounts } from '../search/questions.ts';
import { TidemarkIndex } from '../search/tidemark-index.ts';

const ours = 'tidemark';
const theirs = 'SQLite FTS5';
const session = 'sesn_0';

interface Round {
  readonly perSecond: number;
  readonly bytes: number;
  readonly waits: ReadonlyMap<number, Latency>;
}

interface Workload {
  readonly events: readonly SearchEvent[];
  readonly rawBytes: number;
  readonly queries: Questions;
}

export const search: Benchmark = {
  name: 'search',
  title: 'Indexing one session of 50,000 agent-like events, and asking it 1 to 30 words while warm',
  async run(context) {
    const workload = workloadOf(context.scaled(50_000, 2_000));
    // Compiled by the time that it counts, as in a process that has run for a minute.
    await TidemarkIndex.of(workload.events.slice(0, context.scaled(20_000, 500)));
    const rounds: { readonly one: Round; readonly other: Round | undefined }[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      rounds.push({
        one: await tidemarkRound(workload, context),
        other: fts5Round(workload, context),
      });
    }
    return {
      rows: rowsOf(workload, rounds),
      bars: barsOf(workload, rounds),
      notes: [
        'one process, one core; the index of each lies in memory; both read the text out of the same JSON',
        'FTS5: contentless, detail=column, porter unicode61, words joined by OR, best 10 by bm25',
      ],
    };
  },
};

function workloadOf(count: number): Workload {
  const log = new AgentLog(new SeededPrng(7), { sessions: 1 });
  const events = Array.from({ length: count }, () => {
    const event = log.next();
    return { ...event, body: Buffer.from(event.body) };
  });
  const queries = questionsOf(log, 20);
  const rawBytes = events.reduce((sum, { body }) => sum + body.length, 0);
  return { events, rawBytes, queries };
}

async function tidemarkRound({ events, queries }: Workload, context: Context): Promise<Round> {
  const startMs = performance.now();
  const index = await TidemarkIndex.of(events);
  const perSecond = (events.length * 1_000) / (performance.now() - startMs);
  const waits = new Map<number, Latency>();
  for (const [words, asked] of queries) {
    for (const query of asked) await index.query(query, session);
    const latency = new Latency();
    for (let turn = 0; turn < context.scaled(20, 1); turn += 1) {
      for (const query of asked) {
        const askedMs = performance.now();
        await index.query(query, session);
        latency.recordMs(performance.now() - askedMs);
      }
    }
    waits.set(words, latency);
  }
  return { perSecond, bytes: index.bytes, waits };
}

function fts5Round({ events, queries }: Workload, context: Context): Round | undefined {
  const startMs = performance.now();
  let index: Fts5Index;
  try {
    index = Fts5Index.of(events);
  } catch (cause) {
    context.say(`  ${theirs}: ${String(cause)}`);
    return undefined;
  }
  const perSecond = (events.length * 1_000) / (performance.now() - startMs);
  const { bytes } = index;
  const waits = new Map<number, Latency>();
  for (const [words, asked] of queries) {
    for (const query of asked) index.query(query);
    const latency = new Latency();
    for (let turn = 0; turn < context.scaled(5, 1); turn += 1) {
      for (const query of asked) {
        const askedMs = performance.now();
        index.query(query);
        latency.recordMs(performance.now() - askedMs);
      }
    }
    waits.set(words, latency);
  }
  return { perSecond, bytes, waits };
}

type Rounds = readonly { readonly one: Round; readonly other: Round | undefined }[];

const figureOf = (rounds: readonly Round[], figure: (round: Round) => number): Spread =>
  spreadOf(rounds.map(figure));

const ratioOf = (rounds: Rounds, figure: (round: Round) => number): Spread | undefined => {
  const ratios = rounds.flatMap(({ one, other }) =>
    other === undefined ? [] : [figure(one) / figure(other)],
  );
  return ratios.length === 0 ? undefined : spreadOf(ratios);
};

const p50Of =
  (words: number) =>
  ({ waits }: Round): number =>
    waits.get(words)?.atMs(0.5) ?? Number.NaN;

function rowsOf({ rawBytes }: Workload, rounds: Rounds): Row[] {
  const others = rounds.flatMap(({ other }) => (other === undefined ? [] : [other]));
  const contestants = [
    { contestant: ours, measured: rounds.map(({ one }) => one), isOther: false },
    ...(others.length === 0 ? [] : [{ contestant: theirs, measured: others, isOther: true }]),
  ];
  const rateRatio = ratioOf(rounds, ({ perSecond }) => perSecond);
  return contestants.flatMap(({ contestant, measured, isOther }): Row[] => [
    {
      what: 'build',
      contestant,
      perSecond: figureOf(measured, ({ perSecond }) => perSecond).median,
      more: {
        percentOfRaw: Number(
          ((100 * figureOf(measured, ({ bytes }) => bytes).median) / rawBytes).toFixed(1),
        ),
      },
      ...(isOther && rateRatio !== undefined ? { rateRatio } : {}),
    },
    ...wordCounts.map((words): Row => {
      const all = new Latency();
      for (const { waits } of measured) all.add(waits.get(words) ?? new Latency());
      const p50Ratio = ratioOf(rounds, p50Of(words));
      return {
        what: `query of ${words} words`,
        contestant,
        p50Ms: all.atMs(0.5),
        p95Ms: all.atMs(0.95),
        p99Ms: all.atMs(0.99),
        ...(isOther && p50Ratio !== undefined ? { p50Ratio } : {}),
      };
    }),
  ]);
}

function barsOf({ rawBytes }: Workload, rounds: Rounds): Bar[] {
  const measured = rounds.map(({ one }) => one);
  const rate = figureOf(measured, ({ perSecond }) => perSecond);
  const share = figureOf(measured, ({ bytes }) => bytes / rawBytes);
  const slowest = spreadOf(measured.map(p50Of(30)));
  const rateRatio = ratioOf(rounds, ({ perSecond }) => perSecond);
  const waitRatio = ratioOf(rounds, p50Of(30));
  return [
    atLeast('events indexed a second', rate, 40_000),
    atMost('index over raw events', share, 0.2),
    atMost('p50 ms of 30 words', slowest, 5),
    rateRatio === undefined
      ? notRun('rate over FTS5', 'no FTS5')
      : atLeast('rate over FTS5', rateRatio, 0.4),
    waitRatio === undefined
      ? notRun('p50 of 30 words over FTS5', 'no FTS5')
      : atMost('p50 of 30 words over FTS5', waitRatio, 0.5),
  ];
}

import type { Benchmark } from '../benchmark.ts';
import { type LaneRound, laneRows, lanes } from '../contestants/lanes.ts';
import { plotSvg } from '../plot.ts';
import { atLeast, atMost, type Row } from '../result.ts';
import { type Spread, spreadOf } from '../sample.ts';

/** As many as tenants of a platform of some size have. */
const wide = 1_000;

export const shards: Benchmark = {
  name: 'shards',
  title:
    'The log door on 1, 8, 64 and 1,000 shards with 64 and 1,000 outstanding appends of 256 B, Kafka',
  async run(context) {
    const { bootstrap } = await context.kafka();
    const rounds = await lanes(bootstrap, {
      seconds: context.scaled(4, 0.3),
      shards: context.scaled([1, 8, 64, wide], [1, 8]),
      rounds: context.rounds,
      isCold: context.isSmoke,
    });
    const rows = laneRows(rounds);
    const naive = of(rounds, 'kafkajs send', { shards: 64, writers: 64 });
    const few = of(rounds, 'EventLog', { shards: 64, writers: 64 });
    const many = of(rounds, 'EventLog', { shards: 64, writers: 1_000 });
    const overall = of(rounds, 'EventLog', { shards: wide, writers: 64 });
    const across = of(rounds, 'kafkajs sendBatch', { shards: wide, writers: 64 });
    return {
      rows,
      plots: [{ name: 'shards', svg: sweep(rows) }],
      bars: [
        atLeast(
          '64 shards, 64 outstanding: rate over send per partition',
          over(few, naive, rate),
          1,
        ),
        atMost('64 shards, 64 outstanding: client CPU over it', over(few, naive, cpu), 0.5),
        atLeast('64 shards, 1,000 outstanding: rate over it', over(many, naive, rate), 6),
        atLeast(
          '1,000 shards, 64 outstanding: rate over sendBatch across topics',
          over(overall, across, rate),
          1,
        ),
      ],
      notes: ["without HTTP and sessions: the EventLog door itself, in the client's process"],
    };
  },
};

const rate = ({ perSecond }: LaneRound): number => perSecond;
const cpu = ({ clientMicros }: LaneRound): number => clientMicros;

const of = (
  rounds: readonly LaneRound[],
  name: string,
  on: { readonly shards: number; readonly writers: number },
): LaneRound[] =>
  rounds.filter(
    (round) => round.shards === on.shards && round.name === name && round.writers === on.writers,
  );

function over(
  ours: readonly LaneRound[],
  theirs: readonly LaneRound[],
  figure: (round: LaneRound) => number,
): Spread | undefined {
  if (ours.length === 0 || theirs.length === 0) return undefined;
  return spreadOf(ours.map((round, index) => figure(round) / figure(theirs[index] ?? round)));
}

function sweep(rows: readonly Row[]): string {
  const nameOf = ({ contestant, what }: Row): string => `${contestant}, ${what.split(', ')[1]}`;
  const names = [...new Set(rows.map(nameOf))];
  const series = names.map((name) => ({
    name,
    points: rows
      .filter((row) => nameOf(row) === name)
      .map(({ what, perSecond = 0 }) => [Number.parseInt(what, 10), perSecond] as const),
  }));
  const options = { title: shards.title, xLabel: 'shards', yLabel: 'appends a second' };
  return plotSvg(series, options);
}

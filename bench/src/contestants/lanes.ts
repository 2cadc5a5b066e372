import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Row } from '../result.ts';
import { spreadOf } from '../sample.ts';
import { repository } from './tidemark.ts';

const run = promisify(execFile);
const main = join(repository, 'libs/kafka/bench/lanes.ts');

export interface LaneOrder {
  readonly seconds: number;
  readonly shards: readonly number[];
  readonly rounds: number;
  /** Part of the names of those that take part. */
  readonly only?: string;
  readonly isCold?: boolean;
}

/** One round of one contestant. */
export interface LaneRound {
  readonly name: string;
  readonly writers: number;
  readonly shards: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly clientMicros: number;
}

/** The log's door on Kafka and kafkajs as it comes, without HTTP and sessions: the lanes' own benchmark. */
export async function lanes(bootstrap: readonly string[], order: LaneOrder): Promise<LaneRound[]> {
  const args = [main, '--json', '--seconds', String(order.seconds)];
  args.push('--shards', order.shards.join(','), '--rounds', String(order.rounds));
  if (order.only !== undefined) args.push('--only', order.only);
  if (order.isCold === true) args.push('--cold');
  const env = { ...process.env, TIDEMARK_TEST_KAFKA: bootstrap.join(',') };
  const { stdout } = await run(process.execPath, args, { env, maxBuffer: 16 * 1024 * 1024 });
  const lines = stdout.split('\n').filter((line) => line.includes('"perSecond"'));
  return lines.map((line) => JSON.parse(line) as LaneRound);
}

export const laneRows = (rounds: readonly LaneRound[]): Row[] =>
  [
    ...Map.groupBy(rounds, ({ name, writers, shards }) => `${shards}/${writers}/${name}`).values(),
  ].map((group) => {
    const middle = (of: (round: LaneRound) => number): number => spreadOf(group.map(of)).median;
    const [first] = group;
    const rate = spreadOf(group.map((round) => round.perSecond));
    return {
      what: `${first?.shards} shards, ${first?.writers} outstanding`,
      contestant: first?.name ?? '',
      p50Ms: middle(({ p50Ms }) => p50Ms),
      p95Ms: middle(({ p95Ms }) => p95Ms),
      p99Ms: middle(({ p99Ms }) => p99Ms),
      perSecond: rate.median,
      cpuSecondsPerMillion: middle(({ clientMicros }) => clientMicros),
      rounds: group.length,
      more: { rateMin: rate.min, rateMax: rate.max },
    };
  });

import type { Benchmark } from '../benchmark.ts';
import type { Running } from '../contestants/contestant.ts';
import { type LaneRound, laneRows, lanes } from '../contestants/lanes.ts';
import { adminKey, makeTenant } from '../contestants/made-tenant.ts';
import { tidemarkOnKafka } from '../contestants/tidemark.ts';
import { type Context, interleave } from '../context.ts';
import { after } from '../load/timing.ts';
import { atLeast, atMost, type Bar, rowOf } from '../result.ts';
import { runName } from '../run-name.ts';
import {
  cpuMicros,
  middleOf,
  perSecond,
  ratioOf,
  type Sample,
  sampleOf,
  spreadOf,
} from '../sample.ts';
import { eventBytes } from './workload.ts';

/** Announcements in the directory are conditional: many at once would only repeat each other. */
const together = 4;
const settleMs = 5_000;

type Placement = 'own' | 'pooled';

/** Keys of so many new tenants. */
async function makeTenants(
  { targets }: Running,
  count: number,
  placement: Placement,
): Promise<string[]> {
  const [target] = targets;
  if (target === undefined) throw new Error('a server has a target');
  const keys: string[] = [];
  const waiting = Array.from({ length: count }, (_, index) => index);
  const make = async (): Promise<void> => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      const id = `${runName}-${placement}-${count}-${index}`;
      // With a key of its own a repeated request makes the same tenant.
      const apiKey = `bench-key-of-tenant-${id}`;
      await makeTenant(target, { id, apiKey, ...(placement === 'pooled' ? { pooled: true } : {}) });
      keys[index] = apiKey;
    }
  };
  await Promise.all(Array.from({ length: together }, make));
  return keys;
}

const clients = 64;

export const tenants: Benchmark = {
  name: 'tenants',
  title: '1, 100 and 1,000 tenants, own topics and pooled, 64 clients through HTTP on Kafka, 256 B',
  async run(context) {
    const { bootstrap } = await context.kafka();
    const contestant = tidemarkOnKafka(bootstrap, { TIDEMARK_ADMIN_KEY: adminKey });
    await using running = await context.start([contestant]);
    const [server] = running.all;
    if (server === undefined) throw new Error('a server runs');
    // Those of a pool first: a thousand topics are what they are there to do without.
    const pooled = await measuredOf(context, server, 'pooled');
    const own = await measuredOf(context, server, 'own');
    const measured = new Map([...pooled, ...own]);
    const rivals = context.isAlone ? [] : await rivalRounds(context, bootstrap);
    const rows = [...measured].map(([name, samples]) => rowOf(name, contestant.name, samples));
    return { rows: [...rows, ...laneRows(rivals)], bars: barsOf(measured, rivals) };
  },
};

async function measuredOf(
  context: Context,
  server: Running,
  placement: Placement,
): Promise<ReadonlyMap<string, Sample[]>> {
  const keys = new Map<string, string[]>();
  for (const count of context.scaled([1, 100, 1_000], [1, 5])) {
    const startMs = performance.now();
    keys.set(nameOf(placement, count), await makeTenants(server, count, placement));
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
    context.say(`  ${nameOf(placement, count)} made in ${seconds} s`);
  }
  // So many new replicas keep their brokers busy for a while.
  await after(context.scaled(settleMs, 100));
  for (const of of keys.values()) await load(context, server, of);
  return interleave({
    of: [...keys].map(([name, of]) => [name, () => load(context, server, of)] as const),
    rounds: context.rounds,
    say: context.say,
  });
}

const nameOf = (placement: Placement, count: number): string =>
  placement === 'own' ? `${count} own topics` : `${count} tenants pooled`;

async function load(context: Context, server: Running, keys: readonly string[]): Promise<Sample> {
  const { generator, warmMs, forMs } = context;
  const { targets, pids } = server;
  const common = { kind: 'append', eventsPerAppend: 1, eventBytes, warmMs, forMs } as const;
  const count = context.scaled(clients, 8);
  return sampleOf(await generator.run({ ...common, targets, pids, clients: count, keys }));
}

const rivalRounds = (context: Context, bootstrap: readonly string[]): Promise<LaneRound[]> =>
  lanes(bootstrap, {
    seconds: context.forMs / 1_000,
    shards: [1_000],
    rounds: context.rounds,
    only: 'sendBatch',
  });

function barsOf(measured: ReadonlyMap<string, Sample[]>, rivals: readonly LaneRound[]): Bar[] {
  const of = (placement: Placement, count: number): Sample[] =>
    measured.get(nameOf(placement, count)) ?? [];
  const [one, many] = [of('own', 1), of('own', 1_000)];
  const isMeasured = many.length > 0;
  const sendBatch = spreadOf(rivals.map((round) => round.perSecond)).median;
  const overRivals = middleOf(many, perSecond) / sendBatch;
  const pooled = isMeasured ? ratioOf(of('pooled', 1_000), of('pooled', 1), perSecond) : undefined;
  return [
    atLeast(
      '1,000 own topics: rate through HTTP over sendBatch across topics',
      isMeasured && rivals.length > 0 ? overRivals : undefined,
      1,
    ),
    atMost(
      '1,000 own topics: server CPU an append over that at 1',
      isMeasured ? ratioOf(many, one, cpuMicros) : undefined,
      2,
    ),
    atLeast('1,000 pooled: rate over one of a pool', pooled, 0.7),
  ];
}

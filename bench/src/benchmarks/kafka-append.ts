import type { Benchmark } from '../benchmark.ts';
import type { Running } from '../contestants/contestant.ts';
import { kafkajs } from '../contestants/kafkajs.ts';
import { fastifyEcho } from '../contestants/references.ts';
import { tidemarkOnKafka } from '../contestants/tidemark.ts';
import { type Context, interleave } from '../context.ts';
import type { AppendOrder, Target } from '../load/orders.ts';
import { atMost, type Bar, type Row, rowOf, rowsOf } from '../result.ts';
import { cpuMicros, mergedLatency, middleOf, perSecond, type Sample, sampleOf } from '../sample.ts';
import { scraped } from '../scrape.ts';
import { eventBytes } from './workload.ts';

type Shape = Pick<AppendOrder, 'clients'> & Partial<AppendOrder>;

interface Depth {
  readonly recordsPerRequest: number;
  readonly requestsPerBatch: number;
}

const targetOf = ({ targets }: Running): Target => {
  const [target] = targets;
  if (target === undefined) throw new Error('a contestant has a target');
  return target;
};

async function load({ generator, warmMs, forMs }: Context, server: Running, shape: Shape) {
  const { targets, pids } = server;
  const common = { kind: 'append', eventsPerAppend: 1, eventBytes } as const;
  const order: AppendOrder = { ...common, targets, pids, warmMs, forMs, ...shape };
  return sampleOf(await generator.run(order));
}

const p50 = (samples: readonly Sample[] = []): number => mergedLatency(samples).atMs(0.5);

export const kafkaAppend: Benchmark = {
  name: 'kafka-append',
  title: 'Append through HTTP on Kafka, three brokers, acks=all, one event of 256 B a request',
  async run(context) {
    const { bootstrap } = await context.kafka();
    const contestants = [tidemarkOnKafka(bootstrap), fastifyEcho];
    await using running = await context.start(contestants);
    const [ours, echo] = running.all;
    if (ours === undefined || echo === undefined) throw new Error('both run');
    const clients = context.scaled(100, 4);
    // Fresh brokers and their first client get quicker for a while.
    await load(context, ours, { clients, warmMs: context.scaled(8_000, 100), forMs: 200 });
    const alone = await measureAlone(context, ours, bootstrap);
    const closed = await rounds(context, ours, { clients });
    const half = Math.round(middleOf(closed, perSecond) / 2);
    const { byName, depth } = await measureHalf(context, [ours, echo], {
      half,
      clients,
      bootstrap,
    });
    const rows: Row[] = [
      ...rowsOf('1 client', alone),
      rowOf(`${clients} clients, closed loop`, ours.contestant.name, closed),
      ...rowsOf(`open loop, ${half}/s (half of saturation)`, byName),
    ];
    return { rows, bars: barsOf(alone, byName, depth) };
  },
};

const raw = 'kafkajs send, 1 record';
const rawDeep = 'kafkajs send, same depth';

const measureAlone = (
  context: Context,
  ours: Running,
  bootstrap: readonly string[],
): Promise<Map<string, Sample[]>> =>
  interleave({
    of: [
      [ours.contestant.name, () => load(context, ours, { clients: 1 })],
      [
        raw,
        () =>
          kafkajs(bootstrap, {
            partitions: 1,
            recordsPerSend: 1,
            concurrent: 1,
            warmMs: context.scaled(2_000, 100),
            forMs: context.forMs,
          }),
      ],
    ],
    rounds: context.rounds,
    say: context.say,
  });

const rounds = async (context: Context, server: Running, shape: Shape): Promise<Sample[]> => {
  const of = [['ours', () => load(context, server, shape)]] as const;
  return (await interleave({ of, rounds: context.rounds, say: context.say })).get('ours') ?? [];
};

async function measureHalf(
  context: Context,
  [ours, echo]: readonly [Running, Running],
  at: { readonly half: number; readonly clients: number; readonly bootstrap: readonly string[] },
): Promise<{ readonly byName: Map<string, Sample[]>; readonly depth: Depth }> {
  const { half, clients, bootstrap } = at;
  const counted = async () => ({
    requests: await scraped(targetOf(ours), 'tidemark_kafka_produce_requests_total'),
    batches: await scraped(targetOf(ours), 'tidemark_kafka_appends_total'),
  });
  const before = await counted();
  const paced = await load(context, ours, { clients, perSecond: half });
  const after = await counted();
  const requests = after.requests - before.requests;
  // Requests were counted from the first send on, appends in the window only.
  const share = context.forMs / (context.forMs + context.warmMs);
  const depth = {
    recordsPerRequest: paced.count / (requests * share),
    requestsPerBatch: requests / (after.batches - before.batches),
  };
  const recordsPerSend = Math.max(1, Math.round(depth.recordsPerRequest));
  const byName = await interleave({
    of: [
      [ours.contestant.name, () => load(context, ours, { clients, perSecond: half })],
      [echo.contestant.name, () => load(context, echo, { clients, perSecond: half, isEcho: true })],
      [
        rawDeep,
        () =>
          kafkajs(bootstrap, {
            partitions: 1,
            recordsPerSend,
            concurrent: 1,
            sendsPerSecond: half / recordsPerSend,
            warmMs: context.scaled(2_000, 100),
            forMs: context.forMs,
          }),
      ],
    ],
    rounds: context.rounds,
    say: context.say,
  });
  context.say(`  ${depth.recordsPerRequest.toFixed(1)} records a produce request at ${half}/s`);
  return { byName, depth };
}

function barsOf(
  alone: ReadonlyMap<string, readonly Sample[]>,
  byName: ReadonlyMap<string, readonly Sample[]>,
  depth: Depth,
): Bar[] {
  const [oursAlone, ours] = [[...alone.values()][0], [...byName.values()][0]];
  const cpu = (name: string): number => middleOf(byName.get(name) ?? [], cpuMicros);
  const halfLatency = mergedLatency(ours ?? []);
  const apart = cpu(fastifyEcho.name) + cpu(rawDeep);
  return [
    atMost(
      '1 client: p50 ms (kafkajs p50 x 1.3 + 0.5)',
      p50(oursAlone),
      p50(alone.get(raw)) * 1.3 + 0.5,
    ),
    atMost('half of saturation: p50 ms', halfLatency.atMs(0.5), 13),
    atMost('half of saturation: p95 ms', halfLatency.atMs(0.95), 15),
    atMost(
      'CPU us an append (1.3 x (echo + kafkajs))',
      middleOf(ours ?? [], cpuMicros),
      1.3 * apart,
    ),
    atMost('produce requests a lane turn (one shard: a batch)', depth.requestsPerBatch, 1.01),
  ];
}

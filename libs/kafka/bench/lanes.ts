// node libs/kafka/bench/lanes.ts [--seconds 4] [--shards 1,8,64,1000] [--rounds 1] [--only TEXT] [--json]
//
// What a lane costs: writers that each wait for their acknowledgement before they write again, on more
// and more shards, through the EventLog and through kafkajs as it comes. 256-byte values.
// A writer's batch deepens as in the product: all writers of one shard share its batches.
// Contestants take turns, round by round; with --json a line a round, for the suite of benchmarks.

import { connect } from 'node:net';
import { argv, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { kafkaForTests } from '@tidemark/infra';
import { type EventLog, type LogRecord, noHeaders, type Shard, shardOf } from '@tidemark/ports';
import { bytesOf, present } from '@tidemark/std';
import { type ISocketFactory, Kafka, logLevel, type Producer } from 'kafkajs';
import { openKafkaLog } from '../src/index.ts';
import { realComponents } from '../src/testing.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    seconds: { type: 'string', default: '4' },
    shards: { type: 'string', default: '1,8,64,1000' },
    rounds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    cold: { type: 'boolean', default: false },
  },
});
const runMs = Number(values.seconds) * 1_000;
const value = Buffer.alloc(256, 'x');

interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly clientMicros: number;
}

type Write = (shard: Shard) => Promise<void>;

async function measure(write: Write, shards: readonly Shard[], writers: number): Promise<Figures> {
  await drive(write, shards, { writers, forMs: runMs / 4 });
  const before = process.cpuUsage();
  const startMs = performance.now();
  const waits = await drive(write, shards, { writers, forMs: runMs });
  const tookMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(before);
  waits.sort((one, other) => one - other);
  const at = (share: number): number => waits[Math.floor((waits.length - 1) * share)] ?? 0;
  return {
    perSecond: Math.round((waits.length * 1_000) / tookMs),
    p50Ms: Number(at(0.5).toFixed(2)),
    p95Ms: Number(at(0.95).toFixed(2)),
    p99Ms: Number(at(0.99).toFixed(2)),
    clientMicros: Number(((user + system) / waits.length).toFixed(1)),
  };
}

async function drive(
  write: Write,
  shards: readonly Shard[],
  { writers, forMs }: { readonly writers: number; readonly forMs: number },
): Promise<number[]> {
  const waits: number[] = [];
  const endMs = performance.now() + forMs;
  const run = async (writer: number): Promise<void> => {
    for (let turn = 0; performance.now() < endMs; turn += 1) {
      const startMs = performance.now();
      await write(present(shards[(writer + turn * writers) % shards.length], 'shard'));
      waits.push(performance.now() - startMs);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => run(writer)));
  return waits;
}

/** One append under way a shard; who comes meanwhile is in the next batch. */
function groupCommit(log: EventLog): Write {
  const queues = new Map<Shard, { records: LogRecord[]; waiting: (() => void)[] }>();
  const busy = new Set<Shard>();
  const record = { key: bytesOf('session'), value, headers: noHeaders, timeMs: 1 };
  const start = async (shard: Shard): Promise<void> => {
    busy.add(shard);
    for (let queue = queues.get(shard); queue !== undefined; queue = queues.get(shard)) {
      let taken: (() => void)[] = [];
      const source = (): readonly LogRecord[] => {
        const now = queues.get(shard) ?? { records: [], waiting: [] };
        queues.delete(shard);
        taken = now.waiting;
        return now.records;
      };
      const outcome = await log.append(new Map([[shard, source]])).get(shard);
      if (outcome?.kind !== 'committed') stdout.write(`${JSON.stringify(outcome)}\n`);
      for (const answer of taken) answer();
      // Those who were answered write again before the next look.
      await Promise.resolve();
    }
    busy.delete(shard);
  };
  return (shard) =>
    new Promise((resolve) => {
      const queue = queues.get(shard) ?? { records: [], waiting: [] };
      queues.set(shard, queue);
      queue.records.push(record);
      queue.waiting.push(resolve);
      if (!busy.has(shard)) void start(shard);
    });
}

const naive =
  (producer: Producer): Write =>
  async (shard) => {
    const [topic = '', partition] = shard.split('/');
    const messages = [{ key: 'session', value, partition: Number(partition) }];
    await producer.send({ topic, acks: -1, messages });
  };

/** Everything that waits goes out in one sendBatch, as soon as the last has come back. */
function batched(producer: Producer): Write {
  let waiting: { readonly shard: Shard; readonly answer: () => void }[] = [];
  let isBusy = false;
  const run = async (): Promise<void> => {
    isBusy = true;
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const taken = waiting;
      waiting = [];
      const topics = Map.groupBy(taken, ({ shard }) => shard.split('/')[0] ?? '');
      await producer.sendBatch({
        acks: -1,
        topicMessages: [...topics].map(([topic, writes]) => ({
          topic,
          messages: writes.map(({ shard }) => ({
            key: 'session',
            value,
            partition: Number(shard.split('/')[1]),
          })),
        })),
      });
      for (const { answer } of taken) answer();
      await new Promise(setImmediate);
    }
    isBusy = false;
  };
  return (shard) =>
    new Promise((resolve) => {
      waiting.push({ shard, answer: resolve });
      if (!isBusy) void run();
    });
}

await using kafka = await kafkaForTests();
const brokers = [...kafka.bootstrap];
await using log = openKafkaLog(realComponents, { brokers });
// With its own sockets, kafkajs spends most of its time in Nagle's algorithm: 319/s on one partition.
const socketFactory: ISocketFactory = ({ host, port, onConnect }) =>
  connect({ host, port }, onConnect).setNoDelay(true);
const producer = new Kafka({ brokers, socketFactory, logLevel: logLevel.NOTHING }).producer();
await producer.connect();

interface Contestant {
  readonly name: string;
  readonly write: Write;
  readonly writers: number;
}

function say({ name, writers }: Contestant, shards: number, figures: Figures): void {
  if (values.json) {
    stdout.write(`${JSON.stringify({ name, writers, shards, ...figures })}\n`);
    return;
  }
  const { perSecond, p50Ms, p99Ms, clientMicros } = figures;
  const what = `${name}, ${writers} writers, ${shards} shards`.padEnd(44);
  const rate = String(perSecond).padStart(7);
  stdout.write(`${what} ${rate}/s  p50 ${p50Ms}  p99 ${p99Ms} ms  client ${clientMicros} us\n`);
}

async function shardsOf(count: number): Promise<Shard[]> {
  const name = `bench-${count}-${Date.now()}`;
  if (count <= 64) {
    await log.ensureTopic({ name, partitions: count, durability: 'replicated' });
    return Array.from({ length: count }, (_, partition) => shardOf(name, partition));
  }
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const names = Array.from({ length: count }, (_, index) => `${name}-${index}`);
  for (let first = 0; first < count; first += 200) {
    const topics = names.slice(first, first + 200);
    await admin.createTopics({
      waitForLeaders: false,
      topics: topics.map((topic) => ({ topic, numPartitions: 1, replicationFactor: 3 })),
    });
  }
  await admin.disconnect();
  const shards = names.map((topic) => shardOf(topic, 0));
  while ([...(await log.bounds(shards)).values()].some((bounds) => bounds instanceof Error));
  // So many new replicas keep their brokers busy for a while.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  return shards;
}

const eventLog = groupCommit(log);
const contestantsOf = (shards: number): readonly Contestant[] => {
  const all = [
    { name: 'EventLog', write: eventLog, writers: 64 },
    { name: 'EventLog', write: eventLog, writers: 1_000 },
    // On a thousand topics it is no contestant: 208 a second, and 22 s for the first touch of all.
    ...(shards > 64 ? [] : [{ name: 'kafkajs send', write: naive(producer), writers: 64 }]),
    { name: 'kafkajs sendBatch', write: batched(producer), writers: 64 },
  ];
  return all.filter(({ name }) => name.includes(values.only));
};

// The first client of fresh brokers is 2 to 5 times slower.
if (!values.cold) await drive(eventLog, await shardsOf(8), { writers: 64, forMs: 10_000 });
for (const count of values.shards.split(',').map(Number)) {
  const shards = await shardsOf(count);
  const contestants = contestantsOf(count);
  // Each touches every shard once: what a client learns of a new topic is not what is measured.
  for (const { write } of contestants) await Promise.all(shards.map(write));
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (let turn = 0; turn < contestants.length; turn += 1) {
      const contestant = present(contestants[(turn + round) % contestants.length], 'contestant');
      say(contestant, count, await measure(contestant.write, shards, contestant.writers));
    }
  }
}
await producer.disconnect();

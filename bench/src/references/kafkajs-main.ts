// node kafkajs-main.ts <brokers> <order>: produces with kafkajs as it comes, acks=all, and prints its
// figures as JSON. The order is JSON: see KafkajsOrder.

import { connect } from 'node:net';
import { argv, stdout } from 'node:process';
import { type ISocketFactory, Kafka, logLevel } from 'kafkajs';
import type { KafkajsOrder } from '../contestants/kafkajs.ts';
import { Latency } from '../load/latency.ts';

const [, , brokers = '', text = '{}'] = argv;
const order = JSON.parse(text) as KafkajsOrder;

// With its own sockets it spends most of its time in Nagle's algorithm.
const socketFactory: ISocketFactory = ({ host, port, onConnect }) =>
  connect({ host, port }, onConnect).setNoDelay(true);
const kafka = new Kafka({
  brokers: brokers.split(','),
  socketFactory,
  logLevel: logLevel.NOTHING,
});
const topic = `bench-kafkajs-${process.pid}-${process.hrtime.bigint()}`;
const admin = kafka.admin();
await admin.connect();
await admin.createTopics({
  waitForLeaders: false,
  topics: [
    {
      topic,
      numPartitions: order.partitions,
      replicationFactor: 3,
      configEntries: [{ name: 'min.insync.replicas', value: '2' }],
    },
  ],
});
const producer = kafka.producer({ idempotent: false });
await producer.connect();

const value = Buffer.alloc(256, 'x');
const messagesOf = (partition: number) =>
  Array.from({ length: order.recordsPerSend }, () => ({ key: 'session', value, partition }));
const prepared = Array.from({ length: order.partitions }, (_, partition) => messagesOf(partition));
const latency = new Latency();
let count = 0;

async function send(turn: number): Promise<void> {
  const messages = prepared[turn % order.partitions] ?? [];
  await producer.send({ topic, acks: -1, messages });
}

for (let attempt = 0; ; attempt += 1) {
  try {
    await send(0);
    break;
  } catch (cause) {
    // The topic is new: its leaders may not be known everywhere yet.
    if (attempt > 50) throw cause;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

let isOver = false;
async function closed(sender: number): Promise<void> {
  for (let turn = sender; !isOver; turn += order.concurrent) {
    const startMs = performance.now();
    await send(turn);
    latency.recordMs(performance.now() - startMs);
    count += 1;
  }
}

async function open(sendsPerSecond: number): Promise<void> {
  const startMs = performance.now();
  for (let sent = 0; !isOver; ) {
    const due = Math.floor(((performance.now() - startMs) * sendsPerSecond) / 1_000);
    for (; sent < due; sent += 1) {
      const dueMs = startMs + ((sent + 1) * 1_000) / sendsPerSecond;
      void send(sent).then(() => {
        latency.recordMs(performance.now() - dueMs);
        count += 1;
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const running =
  order.sendsPerSecond === undefined
    ? Array.from({ length: order.concurrent }, (_, sender) => closed(sender))
    : [open(order.sendsPerSecond)];
await new Promise((resolve) => setTimeout(resolve, order.warmMs));
latency.reset();
count = 0;
const cpu = process.cpuUsage();
const startMs = performance.now();
await new Promise((resolve) => setTimeout(resolve, order.forMs));
const seconds = (performance.now() - startMs) / 1_000;
const { user, system } = process.cpuUsage(cpu);
const figures = { latency: latency.encode(), count, seconds, cpuSeconds: (user + system) / 1e6 };
isOver = true;
await Promise.all(running);
await admin.deleteTopics({ topics: [topic] }).catch(() => undefined);
stdout.write(
  `${JSON.stringify({ ...figures, peakBytes: process.resourceUsage().maxRSS * 1_024 })}\n`,
);
process.exit(0);

// node idle-main.ts <brokers> <topic prefix>
//
// Follows every topic of a prefix, and prints the share of a core that this process uses while nothing
// happens: a process of its own, because a test runner is never idle.

import { argv, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { shardOf } from '@tidemark/ports';
import { openKafkaLog } from '../index.ts';
import { realComponents } from '../testing.ts';

const settleMs = 1_500;
const idleMs = 5_000;

const [brokers = '', prefix = ''] = argv.slice(2);
await using log = openKafkaLog(realComponents, { brokers: brokers.split(',') });
const topics = (await log.topics()).filter(({ name }) => name.startsWith(prefix));
const controller = new AbortController();
const { signal } = controller;
const following = topics.map(async ({ name }) => {
  for await (const chunk of log.read(shardOf(name, 0), { from: 0n, signal })) void chunk;
});
await wait(settleMs);
const before = process.cpuUsage();
await wait(idleMs);
const { user, system } = process.cpuUsage(before);
stdout.write(JSON.stringify({ topics: topics.length, share: (user + system) / 1_000 / idleMs }));
controller.abort();
await Promise.all(following);

// What an operator's mistake in Kafka does: the shard stops, says so, and everything else goes on.

import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type AppProcess, type KafkaCluster, startApp, startKafka } from '@tidemark/infra';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { send, textOf } from './http-client.ts';
import { kafkaClient } from './log-outside.ts';
import { adminKey, as, makeTenant, type TestTenant } from './tenants.ts';

let kafka: KafkaCluster;
let admin: Admin;
let app: AppProcess;
let tenant: TestTenant;
let other: TestTenant;

beforeAll(async () => {
  // Of its own: a tenant without its topic is an alarm in every process that comes after.
  kafka = await startKafka({ sessionTimeoutMs: 9_000 });
  admin = kafkaClient(kafka.bootstrap).admin();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await app?.[Symbol.asyncDispose]();
  await kafka[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await app?.[Symbol.asyncDispose]();
  app = await startApp({
    app: 'server',
    index: 0,
    folder: await mkdtemp(join(tmpdir(), 'tidemark-lost-')),
    env: {
      TIDEMARK_LOG: 'kafka',
      TIDEMARK_KAFKA_BROKERS: kafka.bootstrap.join(','),
      TIDEMARK_ADMIN_KEY: adminKey,
    },
  });
  tenant = await makeTenant(app.url);
  other = await makeTenant(app.url);
  for (const each of [tenant, other]) {
    const request = as(each, app.url);
    await request('s', { method: 'PUT' });
    for (const body of ['1', '2', '3']) {
      await request('s', { method: 'POST', body });
    }
  }
});

/** Long enough that nothing reads the shard any more: only a question can notice. */
const untilQuiet = (): Promise<void> => wait(3_000);

async function deleteTopic(): Promise<void> {
  await admin.deleteTopics({ topics: [tenant.topic] });
  const endMs = Date.now() + 20_000;
  while ((await admin.listTopics()).includes(tenant.topic) && Date.now() < endMs) await wait(50);
}

const recreateTopic = (): Promise<boolean> =>
  admin.createTopics({
    waitForLeaders: false,
    topics: [
      {
        topic: tenant.topic,
        numPartitions: 1,
        replicationFactor: 3,
        configEntries: [
          { name: 'cleanup.policy', value: 'delete' },
          { name: 'retention.ms', value: '-1' },
          { name: 'retention.bytes', value: '-1' },
          { name: 'min.insync.replicas', value: '2' },
        ],
      },
    ],
  });

/** Asks until the shard has stopped; what is answered until then is never an answer of success. */
async function untilStopped(): Promise<void> {
  const request = as(tenant, app.url);
  const endMs = Date.now() + 20_000;
  for (;;) {
    const answer = await request('s?offset=now');
    expect(answer.status).toBe(503);
    if (textOf(answer).includes('shard-stopped')) return;
    if (Date.now() > endMs) throw new Error(`never stops: ${textOf(answer)}`);
    await wait(100);
  }
}

/** What /readyz says of the shard, once everything else says the same. */
async function alarm(): Promise<string | undefined> {
  const request = as(tenant, app.url);
  for (const parts of [{}, { method: 'HEAD' }, { method: 'POST', body: '4' }, { method: 'PUT' }]) {
    expect((await request('s', parts)).status).toBe(503);
  }
  const readiness = await send(`${app.url}/readyz`);
  expect(readiness.status).toBe(503);
  const { failures } = JSON.parse(textOf(readiness)) as { failures: Record<string, string> };
  const check = `shard ${tenant.topic}/0`;
  expect(Object.keys(failures)).toEqual([check]);
  expect(failures[check]).toMatch(/compare the topic with its backups/);
  expect(textOf(await send(`${app.url}/metrics`))).toContain('tidemark_replica_stopped_shards 1');
  const alarms = (await readFile(app.logFile, 'utf8'))
    .split('\n')
    .filter((line) => line.includes('"shard stopped"'));
  expect(alarms).toHaveLength(1);
  expect(alarms[0]).toContain('"advice"');
  // Another tenant's shard is none of its business.
  const elsewhere = as(other, app.url);
  expect((await elsewhere('s', { method: 'POST', body: '4' })).status).toBe(204);
  expect(textOf(await elsewhere('s'))).toBe('[1,2,3,4]');
  expect((await send(`${app.url}/healthz`)).status).toBe(200);
  console.log(`measured: pid ${app.pid}: ${check}: ${failures[check]}`);
  return failures[check];
}

describe('the shard stops with an alarm when its topic', () => {
  test('is deleted', async () => {
    await untilQuiet();
    await deleteTopic();
    await untilStopped();
    expect(await alarm()).toContain('log-lost');
    await recreateTopic();
  });

  test('is deleted and created again, found by a read', async () => {
    await untilQuiet();
    await deleteTopic();
    await recreateTopic();
    await untilStopped();
    expect(await alarm()).toContain('log-lost');
  });

  test('is deleted and created again, found by an append', async () => {
    await untilQuiet();
    await deleteTopic();
    await recreateTopic();
    const answer = await as(tenant, app.url)('s', { method: 'POST', body: '4' });
    expect([503, 504]).toContain(answer.status);
    await untilStopped();
    expect(await alarm()).toContain('log-lost');
  });

  test('is deleted under somebody who follows it', async () => {
    const response = await fetch(`${app.url}/v1/stream/s?offset=-1&live=sse`, {
      headers: { authorization: `Bearer ${tenant.key}` },
    });
    const ended = response.text();
    await wait(500);
    await deleteTopic();
    await recreateTopic();
    expect(await ended).toContain('[1,2,3]');
    await untilStopped();
    expect(await alarm()).toContain('log-lost');
  });

  test('is truncated by hand beyond what was folded', async () => {
    await untilQuiet();
    const [bounds] = await admin.fetchTopicOffsets(tenant.topic);
    await admin.deleteTopicRecords({
      topic: tenant.topic,
      partitions: [{ partition: 0, offset: bounds?.high ?? '0' }],
    });
    await untilStopped();
    expect(await alarm()).toContain('log-trimmed');
  });
});

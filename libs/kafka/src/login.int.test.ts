// Brokers that ask who comes, and that speak TLS.

import { setTimeout as wait } from 'node:timers/promises';
import { type KafkaCluster, type SaslUser, startKafka } from '@tidemark/infra';
import {
  type AppendOutcome,
  type EventLog,
  type Fault,
  isFault,
  noHeaders,
  shardOf,
} from '@tidemark/ports';
import { bytesOf, Secret, textOf } from '@tidemark/std';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openKafkaLog } from './index.ts';
import type { KafkaSettings } from './settings.ts';
import { realComponents } from './testing.ts';

const loginLifeMs = 3_000;
const scramUsers = [
  { username: 'short', password: 'right', mechanism: 'scram-sha-256' },
  { username: 'long', password: 'right-too', mechanism: 'scram-sha-512' },
] as const satisfies readonly SaslUser[];
const [short, long] = scramUsers;

const as = ({ username, password, mechanism }: SaslUser): Partial<KafkaSettings> => ({
  sasl: { mechanism, username, password: new Secret(password) },
});

const openOn = (kafka: KafkaCluster, settings: Partial<KafkaSettings>): EventLog =>
  openKafkaLog(realComponents, {
    brokers: kafka.bootstrap,
    replicationFactor: 1,
    minInsyncReplicas: 1,
    ...settings,
  });

async function append(log: EventLog, name: string): Promise<AppendOutcome | undefined> {
  const shard = shardOf(name, 0);
  const record = { key: bytesOf('k'), value: bytesOf(name), headers: noHeaders, timeMs: 1 };
  return log.append(new Map([[shard, () => [record]]])).get(shard);
}

/** Appends to a topic of this name, and answers what is read of it. */
async function roundTrip(log: EventLog, name: string): Promise<string> {
  const spec = { name, partitions: 1, durability: 'replicated' } as const;
  expect(await log.ensureTopic(spec)).toEqual({ partitions: 1 });
  expect(await append(log, name)).toMatchObject({ kind: 'committed' });
  const shard = shardOf(name, 0);
  const controller = new AbortController();
  for await (const { records } of log.read(shard, { from: 0n, signal: controller.signal })) {
    const [first] = records;
    controller.abort();
    if (first !== undefined) return textOf(first.value);
  }
  throw new Error('nothing was read');
}

/** Why a log with these settings learns nothing of the cluster. */
async function refusalOf(kafka: KafkaCluster, settings: Partial<KafkaSettings>): Promise<Fault> {
  await using log = openOn(kafka, settings);
  const caught = await log.topics().then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!isFault(caught)) throw new Error('expected a Fault', { cause: caught });
  return caught;
}

describe('a cluster that asks for a password in the clear', () => {
  const user: SaslUser = { username: 'u', password: 'right', mechanism: 'plain' };

  test('takes the right one, refuses the wrong one and what it does not offer', async () => {
    await using kafka = await startKafka({ brokers: 1, users: [user] });
    await using log = openOn(kafka, as(user));
    expect(await roundTrip(log, 'guarded')).toBe('guarded');
    expect(await refusalOf(kafka, as({ ...user, password: 'wrong' }))).toMatchObject({
      reason: 'denied',
    });
    expect(await refusalOf(kafka, as({ ...user, mechanism: 'scram-sha-256' }))).toMatchObject({
      reason: 'denied',
    });
  });
});

describe('a cluster that asks for a login by TLS', () => {
  let kafka: KafkaCluster;
  let tls: { readonly ca: string };

  beforeAll(async () => {
    kafka = await startKafka({ brokers: 1, users: scramUsers, tls: true, loginLifeMs });
    if (kafka.ca === undefined) throw new Error('a cluster with TLS has a ca');
    tls = { ca: kafka.ca };
    process.stdout.write(`brokers: ${JSON.stringify(kafka.brokers.map(({ pid }) => pid))}\n`);
  });
  afterAll(async () => {
    await kafka[Symbol.asyncDispose]();
  });

  test.each(scramUsers)('takes the right one by $mechanism', async (user) => {
    await using log = openOn(kafka, { tls, ...as(user) });
    expect(await roundTrip(log, user.mechanism)).toBe(user.mechanism);
  });

  test.each(scramUsers)('refuses the wrong password by $mechanism', async (user) => {
    const refusal = await refusalOf(kafka, { tls, ...as({ ...user, password: 'wrong' }) });
    expect(refusal.reason).toBe('denied');
    expect(refusal.message).toContain('login');
  });

  test('refuses a user by the mechanism of another', async () => {
    const swapped = [
      { ...short, mechanism: long.mechanism },
      { ...long, mechanism: short.mechanism },
    ];
    for (const user of swapped) {
      expect((await refusalOf(kafka, { tls, ...as(user) })).reason).toBe('denied');
    }
  });

  test('refuses a mechanism that it does not offer', async () => {
    const refusal = await refusalOf(kafka, { tls, ...as({ ...short, mechanism: 'plain' }) });
    expect(refusal.reason).toBe('denied');
    expect(String(refusal.cause)).toContain('mechanism');
  });

  test('is refused without its authority, and where its certificate names another place', async () => {
    const stranger = await refusalOf(kafka, { tls: {}, ...as(short) });
    expect(stranger.message).toContain('certificate');
    expect(String(stranger.cause)).toContain('self-signed certificate');
    const port = kafka.brokers[0]?.port;
    const elsewhere = { brokers: [`localhost:${port}`], tls, ...as(short) };
    const misnamed = await refusalOf(kafka, elsewhere);
    expect(misnamed.message).toContain('certificate');
    expect(String(misnamed.cause)).toContain('localhost');
  });

  test('goes on with one whose login it wants to see again', async () => {
    await using log = openOn(kafka, { tls, ...as(short) });
    expect(await roundTrip(log, 'renewed')).toBe('renewed');
    // A login that was not renewed is noticed at the next request, which is then of unknown outcome.
    const endMs = performance.now() + 1.5 * loginLifeMs;
    while (performance.now() < endMs) {
      expect(await append(log, 'renewed')).toMatchObject({ kind: 'committed' });
      await wait(100);
    }
  });

  test('says nothing to a client that does not speak TLS', async () => {
    const impatient = { requestTimeoutMs: 500, connectTimeoutMs: 500 };
    const refusal = await refusalOf(kafka, { ...as(short), ...impatient });
    expect(refusal.reason).toBe('unavailable');
  });
});

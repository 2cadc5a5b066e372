// A replay that is killed wherever it stands, and resumed, leaves the files that one leaves which was not, byte for
// byte; elsewhere every event arrives, in the order of its session.

import { mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { kafkaForTests } from '@tidemark/infra';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonOf, runCli, startCli } from './cli.ts';
import { kafkaClient } from './log-outside.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';

const sessions = 60;
const rounds = 20;
/** Events that were sent. */
let total = 0;

let server: OwnServer;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-replay-'));
  server = await startOwnServer('replay', {
    TIDEMARK_SEGMENT_MIB: '1',
    TIDEMARK_SEGMENT_MS: '1000',
    TIDEMARK_LOG_KEEP_MIB: '0',
    TIDEMARK_PUBLISH_MS: '1000',
  });
  for (let round = 0; round < rounds; round += 1) await converse(round);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

async function converse(round: number): Promise<void> {
  await Promise.all(
    Array.from({ length: sessions }, async (_, session) => {
      const events = [
        { type: 'user.message', content: [{ type: 'text', text: `word ${round}\n"quoted"` }] },
        { type: 'agent.tool_use', name: 'bash', input: { round, padding: '.'.repeat(900) } },
      ];
      const response = await fetch(`${server.url}/v1/sessions/s${session}/events`, {
        method: 'POST',
        body: JSON.stringify({ events }),
      });
      expect(response.status).toBe(200);
      total += events.length;
    }),
  );
}

const cli = (...args: string[]) => runCli(['replay', ...args], { url: server.url });

/** Every file of a folder, by its name there. */
async function filesOf(path: string): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  const files = names
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name));
  const found = await Promise.all(
    files.sort().map(async (file) => {
      return [file.slice(path.length + 1), (await readFile(file)).toString('base64')] as const;
    }),
  );
  return new Map(found);
}

async function query(sql: string): Promise<readonly unknown[][]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  return (await connection.runAndReadAll(sql)).getRowsJson();
}

test.each(['parquet', 'ndjson'])(
  '%s: killed again and again, the same files',
  async (format) => {
    const end = jsonOf(await cli('--rate', '100000', '--session', 'nobody'));
    expect(end).toEqual([]);
    const place = await fetch(`${server.url}/v1/export?after=now&limit=0&checkpoints=true`);
    const { checkpoint } = (await place.json()) as { readonly checkpoint: string };
    const options = (name: string): string[] => [
      ...[
        '--folder',
        join(folder, format, name),
        '--checkpoint',
        join(folder, format, `${name}.at`),
      ],
      ...['--format', format, '--file-events', '97', '--before', checkpoint],
    ];
    await mkdir(join(folder, format), { recursive: true });
    expect(await cli(...options('whole'))).toMatchObject({ code: 0, err: `${total} events\n` });
    let kills = 0;
    for (let waitMs = 250; ; waitMs += 40) {
      const started = startCli(['replay', ...options('killed')], { url: server.url, input: '' });
      const timer = setTimeout(() => started.child.kill('SIGKILL'), waitMs);
      const { code } = await started.ended;
      clearTimeout(timer);
      if (code === 0) break;
      kills += 1;
    }
    expect(kills).toBeGreaterThan(0);
    const whole = await filesOf(join(folder, format, 'whole'));
    expect(whole.size).toBeGreaterThan(total / 100);
    expect(await filesOf(join(folder, format, 'killed'))).toEqual(whole);
    const before = total;
    await converse(rounds + 1);
    expect(await cli(...options('whole').slice(0, -2))).toMatchObject({
      code: 0,
      err: `${total - before} events, ${total} in all\n`,
    });
    await cli(...options('whole').slice(0, -2));
    const files = `'${join(folder, format, 'whole')}/*/*.${format}', hive_partitioning = true`;
    const read = format === 'parquet' ? 'read_parquet' : 'read_json';
    const [[events, keys, days]] = (await query(
      `SELECT count(*)::INTEGER, count(DISTINCT (session, seq))::INTEGER, count(DISTINCT day)::INTEGER
     FROM ${read}(${files})`,
    )) as [[number, number, number]];
    expect(events).toBe(keys);
    expect(events).toBe(total);
    expect(days).toBeGreaterThanOrEqual(1);
  },
  120_000,
);

test('DuckDB has typed columns, and the same counts as the API', async () => {
  const path = join(folder, 'typed');
  expect((await cli('--folder', path, '--type', 'agent.tool_use')).code).toBe(0);
  const files = `'${path}/*/*.parquet'`;
  const columns = await query(`SELECT column_name, column_type FROM (DESCRIBE FROM ${files})`);
  expect(Object.fromEntries(columns as [string, string][])).toMatchObject({
    tenant: 'VARCHAR',
    session: 'VARCHAR',
    seq: 'BIGINT',
    offset: 'BIGINT',
    time: 'TIMESTAMP WITH TIME ZONE',
    type: 'VARCHAR',
    event: 'JSON',
    bytes: 'BLOB',
  });
  const counts = await query(
    `SELECT session, count(*)::INTEGER, max((event->'input'->>'round')::INTEGER) FROM ${files}
     GROUP BY session ORDER BY session LIMIT 1`,
  );
  const answer = await fetch(`${server.url}/v1/sessions/s0/events?types[]=agent.tool_use`);
  const { data } = (await answer.json()) as { readonly data: readonly unknown[] };
  expect(counts).toEqual([['s0', data.length, rounds + 1]]);
});

test('to an address: every event, each session in order, though it fails in between', async () => {
  const got: { readonly session: string; readonly seq: number }[] = [];
  const keys = new Map<string, number>();
  let requests = 0;
  const take = async (request: IncomingMessage): Promise<number> => {
    const body: Buffer[] = [];
    for await (const piece of request) body.push(piece as Buffer);
    requests += 1;
    const key = String(request.headers['idempotency-key']);
    const isRepeat = keys.has(key);
    keys.set(key, (keys.get(key) ?? 0) + 1);
    const lines = isRepeat ? [] : Buffer.concat(body).toString().trimEnd().split('\n');
    for (const line of lines) got.push(JSON.parse(line) as (typeof got)[number]);
    // It has arrived, and whoever sent it does not know.
    return requests % 3 === 1 ? 503 : 200;
  };
  const receiver = createServer((request, response) => {
    void take(request).then((status) => {
      response.statusCode = status;
      response.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const answer = await cli('--post', url, '--post-header', 'authorization: x', '--to-seq', '20');
  expect(answer.code).toBe(0);
  receiver.close();
  expect(got).toHaveLength(sessions * 20);
  for (const [, events] of Map.groupBy(got, ({ session }) => session)) {
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index));
  }
  expect([...keys.values()].some((count) => count > 1)).toBe(true);
});

test('to a topic: with the keys, times and order that they had', async () => {
  await using kafka = await kafkaForTests();
  const client = kafkaClient(kafka.bootstrap);
  const admin = client.admin();
  await admin.connect();
  const topic = `replayed-${process.pid}`;
  await admin.createTopics({
    topics: [{ topic, numPartitions: 3, replicationFactor: 1 }],
    waitForLeaders: false,
  });
  await admin.disconnect();
  const env = { TIDEMARK_KAFKA_BROKERS: kafka.bootstrap.join(',') };
  const words = ['replay', '--topic', topic, '--to-seq', '10'];
  let replayed = await runCli(words, { url: server.url, env });
  // A broker denies a topic until it has heard of it.
  while (replayed.err.includes(`no topic ${topic}`)) {
    replayed = await runCli(words, { url: server.url, env });
  }
  expect(replayed).toMatchObject({ code: 0 });
  const missing = await runCli(['replay', '--topic', 'nowhere'], { url: server.url, env });
  expect(missing).toMatchObject({ code: 1, err: 'tidemark replay: there is no topic nowhere\n' });
  const consumer = client.consumer({ groupId: topic });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const got: { readonly key: string; readonly seq: number; readonly timeMs: number }[] = [];
  await consumer.run({
    eachMessage: async ({ message: { key, headers, timestamp, value } }) => {
      expect(JSON.parse(String(value))).toHaveProperty('type');
      const seq = Number(String(headers?.['seq']));
      got.push({ key: String(key), seq, timeMs: Number(timestamp) });
      return Promise.resolve();
    },
  });
  while (got.length < sessions * 10) await delay(50);
  await consumer.disconnect();
  for (const [, records] of Map.groupBy(got, ({ key }) => key)) {
    expect(records.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
  const lines = jsonOf(await cli('--session', 's7', '--to-seq', '10'));
  const times = lines.map(({ time }) => Date.parse(String(time)));
  expect(got.filter(({ key }) => key === 's7').map(({ timeMs }) => timeMs)).toEqual(times);
});

test('mistakes are told, and a checkpoint of another replay is refused', async () => {
  const at = join(folder, 'mine.at');
  expect((await cli('--session', 's1', '--checkpoint', at)).code).toBe(0);
  expect(await cli('--session', 's2', '--checkpoint', at)).toMatchObject({
    code: 1,
    err: `tidemark replay: ${at} is the checkpoint of another replay\n`,
  });
  expect((await cli('--folder', 'x', '--topic', 'y')).code).toBe(2);
  expect((await cli('--folder', 'x', '--format', 'csv')).code).toBe(2);
  expect((await cli('--after', 'nowhere')).code).toBe(5);
});

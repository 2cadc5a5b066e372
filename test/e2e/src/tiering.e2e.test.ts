// Events in segments: the log lets them go, a process that starts anew reads them to the byte, and DuckDB counts
// what the API counts.

import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  type Cluster,
  type SharedS3,
  s3Settings,
  startCluster,
  startKafka,
  startS3,
} from '@tidemark/infra';
import { openPlainStore } from '@tidemark/s3/testing';
import { expect, test, vi } from 'vitest';
import { kafkaClient } from './log-outside.ts';
import { startOwnServer } from './own-server.ts';
import { adminKey, makeTenant } from './tenants.ts';

const sessions = 40;
const rounds = 25;
const eager = {
  TIDEMARK_SEGMENT_MIB: '1',
  TIDEMARK_SEGMENT_MS: '1000',
  TIDEMARK_LOG_KEEP_MIB: '0',
};

type Ask = (path: string, body?: unknown) => Promise<Response>;

const asks =
  (url: () => string, key?: string): Ask =>
  async (path, body) => {
    for (;;) {
      const response = await fetch(`${url()}${path}`, {
        ...(key === undefined ? {} : { headers: { 'x-api-key': key } }),
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      });
      // What cannot be had now is asked for again, as any client does.
      if (response.status !== 503) return response;
      await delay(500);
    }
  };

/** Turns with a word of their own in each, and results with line feeds and quotes. */
async function converse(ask: Ask, round: number): Promise<void> {
  await Promise.all(
    Array.from({ length: sessions }, async (_, session) => {
      const text = `word${session}x${round}\n"quoted" ${'.'.repeat(100 * (session % 7))}`;
      const response = await ask(`/v1/sessions/s${session}/events`, {
        events: [
          { type: 'user.message', content: [{ type: 'text', text }] },
          { type: 'agent.tool_use', name: 'bash', input: { round } },
        ],
      });
      expect(response.status).toBe(200);
    }),
  );
}

async function historyOf(ask: Ask, session: number): Promise<readonly unknown[]> {
  const events: unknown[] = [];
  let page = '';
  do {
    const answer = await ask(`/v1/sessions/s${session}/events?limit=1000${page}`);
    expect(answer.status).toBe(200);
    const { data, next_page: next } = (await answer.json()) as {
      readonly data: readonly unknown[];
      readonly next_page: string | null;
    };
    events.push(...data);
    page = next === null ? '' : `&page=${encodeURIComponent(next)}`;
  } while (page !== '');
  return events;
}

const histories = (ask: Ask): Promise<readonly (readonly unknown[])[]> =>
  Promise.all(Array.from({ length: sessions }, (_, session) => historyOf(ask, session)));

async function waitingBytes(url: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return Number(/^tidemark_tiering_waiting_bytes (\d+)/m.exec(page)?.[1] ?? Number.NaN);
}

async function untilArchived(urls: readonly string[]): Promise<void> {
  for (;;) {
    const waiting = await Promise.all(urls.map(waitingBytes));
    if (waiting.every((bytes) => bytes === 0)) return;
    await delay(200);
  }
}

async function countsOf(files: string): Promise<unknown> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    `SELECT type, count(*)::INTEGER AS events, count(DISTINCT session)::INTEGER AS sessions
     FROM read_json('${files}', format = 'newline_delimited') GROUP BY type ORDER BY type`,
  );
  return reader.getRowObjects();
}

const counted = [
  { type: 'agent.tool_use', events: sessions * rounds, sessions },
  { type: 'user.message', events: sessions * rounds, sessions },
];

test('embedded: killed and started anew, it reads all from segments', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-tiering-'));
  const settings = { ...eager, TIDEMARK_DATA_DIR: folder, TIDEMARK_PUBLISH_MS: '1000' };
  let server = await startOwnServer('tiering', settings);
  const ask = asks(() => server.url);
  for (let round = 0; round < rounds; round += 1) {
    await converse(ask, round);
    if (round === 9) await untilArchived([server.url]);
  }
  const before = await histories(ask);
  expect(before.map((events) => events.length)).toEqual(before.map(() => 2 * rounds));
  await untilArchived([server.url]);
  await delay(2_500);
  server.app.kill('SIGKILL');
  await server.app.ended;
  server = await startOwnServer('tiering', settings);
  expect(await histories(ask)).toEqual(before);
  const found = await ask('/v1/search?q=word3x7');
  expect(await found.json()).toMatchObject({ data: [{ session_id: 's3' }] });
  const answer = await ask('/v1/sessions/s5/events?order=desc&limit=1');
  expect(await answer.json()).toMatchObject({ data: [{ input: { round: rounds - 1 } }] });
  await server[Symbol.asyncDispose]();
});

test('embedded: what is deleted is gone from the bucket, though nothing else happens', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-erasure-'));
  const server = await startOwnServer('erasure', {
    ...eager,
    TIDEMARK_DATA_DIR: folder,
    TIDEMARK_ERASE_MS: '1000',
  });
  const ask = asks(() => server.url);
  await converse(ask, 0);
  await untilArchived([server.url]);
  const segments = async (): Promise<readonly string[]> => {
    const names = await readdir(join(folder, 'objects'), { recursive: true });
    return names.filter((name) => name.includes('ndjson'));
  };
  const [before = ''] = await segments();
  expect(before).not.toBe('');
  const deleted = await fetch(`${server.url}/v1/sessions/s3`, { method: 'DELETE' });
  expect(deleted.status).toBe(200);
  for (;;) {
    const manifest = (await readdir(join(folder, 'objects'), { recursive: true })).find((name) =>
      name.includes('segments.json'),
    );
    const text = await readFile(join(folder, 'objects', manifest ?? ''), 'utf8').catch(() => '');
    if (text !== '' && !text.includes(before.slice(-20, -11)) && !text.includes('"s3"')) break;
    await delay(200);
  }
  expect((await ask('/v1/sessions/s3/events')).status).toBe(404);
  expect(await historyOf(ask, 4)).toHaveLength(2);
  await server[Symbol.asyncDispose]();
});

test('embedded: killed and started anew, it erases and trims what nobody asks for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-unvisited-'));
  const settings = {
    ...eager,
    TIDEMARK_DATA_DIR: folder,
    TIDEMARK_ADMIN_KEY: adminKey,
    TIDEMARK_ERASE_MS: '3000',
    TIDEMARK_PUBLISH_MS: '1000',
  };
  let server = await startOwnServer('unvisited', settings);
  const tenant = await makeTenant(server.url);
  const ask = asks(() => server.url, tenant.key);
  await converse(ask, 0);
  await untilArchived([server.url]);
  const headers = { 'x-api-key': tenant.key };
  await fetch(`${server.url}/v1/sessions/s3`, { method: 'DELETE', headers });
  server.app.kill('SIGKILL');
  await server.app.ended;
  server = await startOwnServer('unvisited', settings);
  for (;;) {
    const names = await readdir(join(folder, 'objects'), { recursive: true });
    if (names.some((name) => name.includes('erasures/'))) break;
    await delay(200);
  }
  const erased = await ask('/v1/erasures?session=s3');
  expect(await erased.json()).toMatchObject({ left_in: [], rewritten: [{ deleted: false }] });
  await server[Symbol.asyncDispose]();
});

test('three brokers and an S3 server: the log begins behind what is in segments, and nothing is missing', async () => {
  // Both of its own: whoever has another bucket, and finds its logs trimmed, stops.
  await using kafka = await startKafka();
  await using s3: SharedS3 = await startS3();
  await using cluster: Cluster = await startCluster({
    kafka,
    counts: { ingest: 1, read: 1, relay: 0, materializer: 1, tiering: 2 },
    env: {
      TIDEMARK_ADMIN_KEY: adminKey,
      ...s3Settings(s3),
    },
    envOf: (app): Record<string, string> => {
      if (app === 'tiering') return eager;
      return app === 'materializer' ? { TIDEMARK_PUBLISH_MS: '1000' } : {};
    },
  });
  const tenant = await makeTenant(cluster.url, { partitions: 2 });
  const ask = asks(() => cluster.url, tenant.key);
  const tierings = () =>
    cluster.apps.filter((process) => process.app === 'tiering' && process.isRunning());
  for (let round = 0; round < rounds; round += 1) {
    await converse(ask, round);
    if (round === 12) {
      const [killed] = tierings();
      killed?.kill('SIGKILL');
      await killed?.ended;
    }
  }
  const before = await histories(ask);
  const patience = { timeout: 130_000, interval: 500 };
  await vi.waitUntil(async () => {
    return (await archivedEvents(s3, tenant.topic)) >= 2 * sessions * rounds;
  }, patience);
  const admin = kafkaClient(kafka.bootstrap).admin();
  await admin.connect();
  await vi.waitUntil(async () => {
    const offsets = await admin.fetchTopicOffsets(tenant.topic);
    return offsets.length === 2 && offsets.every(({ low }) => Number(low) > 100);
  }, patience);
  await admin.disconnect();
  const reader = cluster.apps.find(({ app }) => app === 'read');
  reader?.kill('SIGKILL');
  await reader?.ended;
  if (reader !== undefined) await cluster.restart(reader);
  expect(await histories(ask)).toEqual(before);
  expect(await countsOf(`${await fetchSegments(s3, tenant.topic)}/*.zst`)).toEqual(counted);
});

interface NamedSegment {
  readonly name: string;
  readonly events: number;
}

/** Those that the manifests of the tenant's shards name now. */
async function namedSegments(s3: SharedS3, topic: string): Promise<readonly NamedSegment[]> {
  await using store = await openPlainStore(s3);
  const named: NamedSegment[] = [];
  for await (const { key } of store.list(`shards/${topic}/`)) {
    if (!key.endsWith('segments.json')) continue;
    const manifest = await store.get(key);
    const { segments } = JSON.parse(Buffer.from(manifest?.body ?? '').toString()) as {
      readonly segments: readonly NamedSegment[];
    };
    named.push(...segments);
  }
  return named;
}

const archivedEvents = async (s3: SharedS3, topic: string): Promise<number> =>
  (await namedSegments(s3, topic)).reduce((sum, { events }) => sum + events, 0);

/** One that was replaced meanwhile is still there for a while. */
async function fetchSegments(s3: SharedS3, topic: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-segments-'));
  await using store = await openPlainStore(s3);
  for (const { name } of await namedSegments(s3, topic)) {
    const segment = await store.get(name);
    await writeFile(join(folder, name.replaceAll('/', '-')), segment?.body ?? '');
  }
  return folder;
}

// A materializer beside processes that serve: what it has published is listed and found by whoever starts anew,
// and where one goes, another takes its shards.

import { setTimeout as delay } from 'node:timers/promises';
import {
  type AppProcess,
  type Cluster,
  kafkaForTests,
  type SharedKafka,
  type SharedS3,
  s3ForTests,
  s3Settings,
  startCluster,
} from '@tidemark/infra';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LiveClient } from './live-client.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

let kafka: SharedKafka;
let s3: SharedS3;
let cluster: Cluster;
let tenant: TestTenant;

beforeAll(async () => {
  [kafka, s3] = await Promise.all([kafkaForTests(), s3ForTests()]);
  cluster = await startCluster({
    kafka,
    counts: { ingest: 1, read: 1, relay: 0, materializer: 2 },
    env: {
      TIDEMARK_ADMIN_KEY: adminKey,
      ...s3Settings(s3),
    },
    envOf: (app): Record<string, string> =>
      app === 'materializer' ? { TIDEMARK_PUBLISH_MS: '1000' } : {},
  });
  tenant = await makeTenant(cluster.url, { partitions: 1 });
}, 120_000);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await s3?.[Symbol.asyncDispose]();
  await kafka?.[Symbol.asyncDispose]();
});

async function ask(path: string, body?: unknown): Promise<Response> {
  return fetch(`${cluster.url}${path}`, {
    headers: { 'x-api-key': tenant.key },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
}

async function say(session: string, text: string): Promise<void> {
  const message = { type: 'user.message', content: [{ type: 'text', text }] };
  const response = await ask(`/v1/sessions/${session}/events`, { events: [message] });
  expect(response.status).toBe(200);
}

async function sessionsFor(query: string): Promise<ReadonlySet<unknown>> {
  const response = await ask(`/v1/search?q=${query}`);
  const { data, not_searched: missed } = (await response.json()) as {
    readonly data: readonly { readonly session_id: string }[];
    readonly not_searched: object;
  };
  expect(response.status).toBe(200);
  expect(missed).toMatchObject({ missed_events: 0 });
  return new Set(data.map(({ session_id: id }) => id));
}

const materializers = (): readonly AppProcess[] =>
  cluster.apps.filter((process) => process.app === 'materializer' && process.isRunning());

async function publications({ url }: AppProcess): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return Number(/^tidemark_publisher_publications_total (\d+)/m.exec(page)?.[1] ?? Number.NaN);
}

async function publishedBy(apps: readonly AppProcess[]): Promise<number> {
  const counts = await Promise.all(apps.map(publications));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function untilMore(apps: readonly AppProcess[], than: number): Promise<void> {
  while ((await publishedBy(apps)) <= than) await delay(100);
}

async function restartReader(): Promise<void> {
  const reader = cluster.apps.find(({ app }) => app === 'read');
  if (reader === undefined) throw new Error('no process reads');
  reader.kill('SIGKILL');
  await reader.ended;
  await cluster.restart(reader);
}

test('what is published is listed and found by a process that starts anew, and what is not is as well', async () => {
  for (let n = 0; n < 12; n += 1) await say(`before-${n}`, `lighthouse number ${n}`);
  await untilMore(materializers(), 0);
  await restartReader();
  await say('after', 'a lighthouse that nobody has published');
  const names = [...Array.from({ length: 12 }, (_, n) => `before-${n}`), 'after'];
  expect(await sessionsFor('lighthouse&limit=100&group=session')).toEqual(new Set(names));
  const listed = (await (await ask('/v1/sessions?limit=100')).json()) as {
    readonly data: readonly { readonly id: string }[];
  };
  expect(new Set(listed.data.map(({ id }) => id))).toEqual(new Set(names));
});

test('where a materializer is killed, another publishes what it would have', async () => {
  const counts = await Promise.all(materializers().map(publications));
  const killed = materializers().find((_, index) => (counts[index] ?? 0) > 0);
  if (killed === undefined) throw new Error('no materializer has the shard');
  killed.kill('SIGKILL');
  await killed.ended;
  const before = await publishedBy(materializers());
  const names = Array.from({ length: 24 }, (_, n) => `left-${n}`);
  for (const name of names) await say(name, 'harbour');
  await untilMore(materializers(), before);
  await restartReader();
  expect(await sessionsFor('harbour&limit=100&group=session')).toEqual(new Set(names));
});

test('a WebSocket and what is kept of keys are reached through the front', async () => {
  const keys = await ask('/v1/keys');
  expect(keys.status).toBe(200);
  const bearer = Buffer.from(tenant.key).toString('base64url');
  using live = new LiveClient(cluster.url, ['tidemark.v1', `tidemark.bearer.${bearer}`]);
  const { ch } = await live.ask({ type: 'sub', session: 'after', after: 'start' });
  expect(await live.reached(ch, 1)).toMatchObject([{ type: 'user.message' }]);
});

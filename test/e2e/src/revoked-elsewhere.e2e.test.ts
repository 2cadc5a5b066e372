// A key is revoked in one process: every other refuses it soon, and ends what it follows there.

import { type Cluster, kafkaForTests, type SharedKafka, startCluster } from '@tidemark/infra';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { json, send, textOf } from './http-client.ts';
import { adminKey, makeTenant } from './tenants.ts';

let kafka: SharedKafka;
let cluster: Cluster;

beforeAll(async () => {
  kafka = await kafkaForTests();
  cluster = await startCluster({
    kafka,
    counts: { ingest: 2, read: 2, relay: 0 },
    env: { TIDEMARK_ADMIN_KEY: adminKey },
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await kafka[Symbol.asyncDispose]();
});

test('a key that one process revokes is refused by all, and what it follows anywhere ends', async () => {
  const [first, ...others] = cluster.apps;
  if (first?.app !== 'ingest') throw new Error('the first process takes writes');
  const tenant = await makeTenant(first.url);
  const owner = { ...json, 'x-api-key': tenant.key };
  const made = await send(`${first.url}/v1/keys`, { method: 'POST', headers: owner, body: '{}' });
  const { id, apiKey } = JSON.parse(textOf(made)) as { id: string; apiKey: string };
  const headers = { ...json, 'x-api-key': apiKey };
  const events = '/v1/sessions/watched/events';
  const body = '{"type":"a"}';
  const ask = async (process: (typeof cluster.apps)[number]): Promise<number> => {
    const isIngest = process.app === 'ingest';
    const parts = isIngest ? { method: 'POST', headers, body } : { headers };
    return (await send(`${process.url}${events}`, parts)).status;
  };
  for (const process of cluster.apps) {
    await vi.waitUntil(async () => (await ask(process)) === 200, 10_000);
  }
  const readers = cluster.apps.filter(({ app }) => app === 'read');
  const streams = await Promise.all(
    readers.map(({ url }) => fetch(`${url}${events}/stream`, { headers })),
  );
  expect(streams.map(({ status }) => status)).toEqual([200, 200]);
  const ended = Promise.all(streams.map((stream) => stream.text()));
  const revoked = { method: 'DELETE', headers: owner };
  expect((await send(`${first.url}/v1/keys/${id}`, revoked)).status).toBe(204);
  const revokedMs = performance.now();
  const since = (): number => Math.round(performance.now() - revokedMs);
  // A refusal is a second late: what counts is when the request was sent.
  const told = await Promise.all(
    [first, ...others].map(async (process) => {
      for (;;) {
        const sentMs = since();
        if ((await ask(process)) === 401) return sentMs;
      }
    }),
  );
  await ended;
  console.log(`measured: refused from ${told.join(', ')} ms on, streams ended by ${since()} ms`);
});

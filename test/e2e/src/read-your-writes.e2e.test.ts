// An append through one process, and at once a read through others: never an older tail.

import { type Cluster, kafkaForTests, type SharedKafka, startCluster } from '@tidemark/infra';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pick } from './append-load.ts';
import { create, json, send, textOf } from './http-client.ts';

const rounds = 500;
const clients = 12;
const sessions = 24;
const run = `own-${process.pid}-${Date.now()}`;
let kafka: SharedKafka;
let cluster: Cluster;

beforeAll(async () => {
  kafka = await kafkaForTests();
  cluster = await startCluster({
    kafka,
    counts: { ingest: 2, read: 2, relay: 0 },
    route: 'random',
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await kafka[Symbol.asyncDispose]();
});

const urlsOf = (app: string): string[] =>
  cluster.apps.filter((candidate) => candidate.app === app).map(({ url }) => url);

/** How far each way of asking gets, and whether it sees the event that was just acknowledged. */
async function readBack(
  url: string,
  path: string,
  appended: { seq: number; event: string; offset: string },
) {
  const { seq, event, offset } = appended;
  const [head, now, own, rest] = await Promise.all([
    send(`${url}${path}`, { method: 'HEAD' }),
    send(`${url}${path}?offset=now`),
    send(`${url}${path}?seq=${seq}&limit=1`),
    send(`${url}${path}?offset=${offset}`),
  ]);
  for (const { headers } of [head, now, rest]) {
    expect(Number(headers['stream-next-seq'])).toBeGreaterThan(seq);
  }
  expect(textOf(own)).toBe(`[${event}]`);
  expect(rest.status).toBe(200);
  return 4;
}

test('what was acknowledged by one process is read through any other at once', async () => {
  const paths = Array.from({ length: sessions }, (_, index) => `/v1/stream/${run}/${index}`);
  for (const path of paths) await create(`${pick(urlsOf('ingest'))}${path}`);
  const readers = urlsOf('read');
  let left = rounds;
  let reads = 0;
  const client = async (number: number): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const path = pick(paths);
      const event = `{"client":${number},"left":${left}}`;
      const appended = await send(`${pick(urlsOf('ingest'))}${path}`, {
        method: 'POST',
        headers: json,
        body: event,
      });
      expect(appended.status).toBe(204);
      const seq = Number(appended.headers['stream-first-seq']);
      const offset = String(appended.headers['stream-next-offset']);
      const asked = [...readers, cluster.url];
      const counts = await Promise.all(
        asked.map((url) => readBack(url, path, { seq, event, offset })),
      );
      reads += counts.reduce((sum, count) => sum + count, 0);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  const pids = cluster.apps.map(({ app, pid }) => `${app} ${pid}`).join(', ');
  console.log(
    `measured: ${rounds} appends, ${reads} reads at once elsewhere, none older; pids ${pids}`,
  );
  expect(reads).toBe(rounds * 12);
});

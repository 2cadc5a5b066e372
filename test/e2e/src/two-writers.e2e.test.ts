// Two processes write the same shards at once and nothing routes to either: what was acknowledged is
// there exactly once, in one order, whatever happens to one of the two.

import { setTimeout as wait } from 'node:timers/promises';
import {
  type AppProcess,
  type Cluster,
  type ClusterOptions,
  type KafkaCluster,
  startCluster,
  startKafka,
} from '@tidemark/infra';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AppendLoad,
  createSessions,
  type LoadOptions,
  type LoadResult,
  pick,
  sessionPaths,
} from './append-load.ts';
import { send, textOf } from './http-client.ts';
import { readOutside } from './log-outside.ts';

let kafka: KafkaCluster;
let direct: { readonly bootstrap: readonly string[] };

beforeAll(async () => {
  kafka = await startKafka({ proxied: true, sessionTimeoutMs: 9_000 });
  direct = { bootstrap: kafka.brokers.map(({ direct: { host, port } }) => `${host}:${port}`) };
  console.log(`measured: brokers' pids ${kafka.brokers.map(({ pid }) => pid).join(', ')}`);
});
afterAll(async () => {
  await kafka[Symbol.asyncDispose]();
});

const start = async (options: Partial<ClusterOptions> = {}): Promise<Cluster> => {
  const counts = { ingest: 2, read: 2, relay: 0 };
  const cluster = await startCluster({ kafka: direct, counts, ...options });
  console.log(
    `measured: pids ${cluster.apps.map(({ app, index, pid }) => `${app} ${index}: ${pid}`).join(', ')}`,
  );
  return cluster;
};

const urlsOf = (cluster: Cluster, app: AppProcess['app']): string[] =>
  cluster.apps
    .filter((candidate) => candidate.app === app && candidate.isRunning())
    .map(({ url }) => url);

const load = (cluster: Cluster, prefix: string): LoadOptions => ({
  writers: () => urlsOf(cluster, 'ingest'),
  prefix,
  clients: 64,
  sessions: 200,
  appends: 2_600,
  eventsPerAppend: 8,
});

const eventsIn = (text: string): string[] =>
  (JSON.parse(text) as object[]).map((event) => JSON.stringify(event));

/** What one process serves of a session; its head agrees with its body. */
async function readWhole(url: string, path: string): Promise<readonly string[]> {
  const answer = await send(`${url}${path}?offset=-1`);
  expect(answer.status).toBe(200);
  expect(answer.headers['stream-up-to-date']).toBe('true');
  const events = eventsIn(textOf(answer));
  expect(answer.headers['stream-first-seq']).toBe('0');
  expect(answer.headers['stream-next-seq']).toBe(String(events.length));
  return events;
}

/** Each event by its seq, the same from whomever it is asked. */
async function readByseq(url: string, path: string, events: readonly string[]): Promise<void> {
  const seq = Math.floor(Math.random() * events.length);
  const answer = await send(`${url}${path}?seq=${seq}&limit=1`);
  expect(eventsIn(textOf(answer))).toEqual(events.slice(seq, seq + 1));
}

/** A client's own events stand in the order in which it had them acknowledged. */
function expectClientOrder(events: readonly string[]): void {
  const counts = new Map<number, number>();
  for (const event of events) {
    const { client, count, index } = JSON.parse(event) as Record<string, number>;
    const place = (count ?? 0) * 1_000 + (index ?? 0);
    expect(place).toBeGreaterThan(counts.get(client ?? 0) ?? -1);
    counts.set(client ?? 0, place);
  }
}

async function expectExactlyOnce(
  cluster: Cluster,
  options: LoadOptions,
  { acknowledged, places, events: total }: LoadResult,
): Promise<void> {
  const readers = urlsOf(cluster, 'read');
  const outside = await readOutside(direct.bootstrap, {
    topic: 'tidemark.default',
    prefix: options.prefix,
  });
  let count = 0;
  for (const path of sessionPaths(options)) {
    const views = await Promise.all(readers.map((url) => readWhole(url, path)));
    const events = views[0] ?? [];
    for (const view of views) expect(view).toEqual(events);
    expect(outside.events.get(path.slice('/v1/stream/'.length)) ?? []).toEqual(events);
    expect(new Set(events).size).toBe(events.length);
    expect(new Set(events)).toEqual(acknowledged.get(path));
    for (const [seq, event] of places.get(path) ?? []) expect(events[seq]).toBe(event);
    expectClientOrder(events);
    await readByseq(pick(readers), path, events);
    count += events.length;
  }
  expect(count).toBe(total);
  const voided = await voidedIn(cluster);
  console.log(
    `measured: ${count} events exactly once in ${options.sessions} sessions from ${readers.length} readers ` +
      `and a plain Kafka client; ${outside.records} records in the log, ${outside.voids} of them void, ` +
      `${voided} counted by the writers that live`,
  );
  expect(outside.voids).toBeGreaterThan(0);
  expect(voided).toBeGreaterThan(0);
}

async function voidedIn(cluster: Cluster): Promise<number> {
  const texts = await Promise.all(
    urlsOf(cluster, 'ingest').map(async (url) => textOf(await send(`${url}/metrics`))),
  );
  const counts = texts.map((text) =>
    Number(/^tidemark_writer_voided_records_total (\d+)/m.exec(text)?.[1] ?? 0),
  );
  return counts.reduce((sum, voided) => sum + voided, 0);
}

const report = ({ events, retries, duplicates }: LoadResult, startMs: number): void => {
  const seconds = (performance.now() - startMs) / 1_000;
  console.log(
    `measured: ${events} events acknowledged in ${seconds.toFixed(1)} s, ` +
      `${retries} requests repeated, ${duplicates} of them found their events there`,
  );
};

describe('every acknowledged event is there exactly once', () => {
  test('while two processes write the same shards', async () => {
    await using cluster = await start();
    const options = load(cluster, 'quiet');
    await createSessions(options);
    const startMs = performance.now();
    const result = await new AppendLoad(options).run();
    report(result, startMs);
    expect(result.events).toBeGreaterThanOrEqual(20_000);
    await expectExactlyOnce(cluster, options, result);
  });

  test('when one of them is killed in the middle, and another takes its place', async () => {
    await using cluster = await start();
    const victim = cluster.apps.find(({ app, index }) => app === 'ingest' && index === 1);
    let restarted: Promise<AppProcess> | undefined;
    let isKilled = false;
    const options: LoadOptions = {
      ...load(cluster, 'killed'),
      onProgress: (share) => {
        if (share > 0.4 && !isKilled) {
          isKilled = true;
          victim?.kill('SIGKILL');
        }
        if (share > 0.7 && victim !== undefined) restarted ??= cluster.restart(victim);
      },
    };
    await createSessions(options);
    const startMs = performance.now();
    const result = await new AppendLoad(options).run();
    report(result, startMs);
    const fresh = await restarted;
    console.log(`measured: SIGKILL to pid ${victim?.pid}, in its place pid ${fresh?.pid}`);
    expect(victim?.isRunning()).toBe(false);
    expect(result.retries).toBeGreaterThan(0);
    await expectExactlyOnce(cluster, options, result);
  });

  test('when the brokers of one of them stall past every timeout, and come back', async () => {
    // One of the two goes through the proxies, everybody else past them.
    await using cluster = await start({
      bootstrapOf: (app, index) => (app === 'ingest' && index === 1 ? kafka.bootstrap : undefined),
    });
    const stallMs = 12_000;
    let stalled: Promise<void> | undefined;
    const proxies = kafka.brokers.map(({ proxy }) => proxy);
    expect(proxies.some((proxy) => (proxy?.connectionCount() ?? 0) > 0)).toBe(true);
    const stall = async (): Promise<void> => {
      for (const proxy of proxies) proxy?.stall();
      await wait(stallMs);
      for (const proxy of proxies) proxy?.release();
    };
    const options: LoadOptions = {
      ...load(cluster, 'stalled'),
      onProgress: (share) => {
        if (share > 0.4) stalled ??= stall();
      },
    };
    await createSessions(options);
    const startMs = performance.now();
    const result = await new AppendLoad(options).run();
    await stalled;
    report(result, startMs);
    console.log(`measured: the wire of ${proxies.length} brokers stalled for ${stallMs} ms`);
    expect(stalled).toBeDefined();
    expect(result.retries).toBeGreaterThan(0);
    await expectExactlyOnce(cluster, options, result);
  });
});

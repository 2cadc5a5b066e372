import { createSystemClock, Platform } from '@tidemark/platform';
import { type EventLog, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { controlShard, shardSession, type Tenant } from '@tidemark/replica';
import { plain } from '@tidemark/replica/testing';
import { expect, test } from 'vitest';
import { type ListeningServer, serve } from './serve.ts';

interface Running extends AsyncDisposable {
  readonly platform: Platform;
  readonly listening: ListeningServer;
}

async function start(
  simulated: SimulatedEventLog,
  knownLevel: number,
  log: EventLog = simulated.connect(`level-${knownLevel}`),
): Promise<Running> {
  const prng = new SeededPrng(knownLevel);
  const parts = {
    log,
    clock: createSystemClock(),
    prng,
    logger: silentLogger,
    metrics: silentMetrics,
  };
  const platform = new Platform(parts, { memoryBytesMax: 1_000_000, isKeyless: true, knownLevel });
  const listening = await serve(
    platform,
    { roles: [], renderMetrics: () => Promise.resolve('') },
    { host: '127.0.0.1', port: 0, drainMs: 0 },
  );
  return {
    platform,
    listening,
    async [Symbol.asyncDispose]() {
      await listening.stop();
      await platform[Symbol.asyncDispose]();
    },
  };
}

async function readiness({ listening }: Running): Promise<{ status: number; text: string }> {
  const response = await fetch(`${listening.url}/readyz`);
  return { status: response.status, text: await response.text() };
}

function tenantOf({ shards }: Platform): Tenant {
  const { default: tenant } = shards.directory;
  if (tenant === undefined) throw new Error('not founded');
  return tenant;
}

test('a process is ready once it has started, and no more once its fold level is passed', async () => {
  const simulated = new SimulatedEventLog({
    clock: createSystemClock(),
    prng: new SeededPrng(9),
    instant: true,
  });
  await using older = await start(simulated, 1);
  await using newer = await start(simulated, 2);
  expect(await readiness(older)).toMatchObject({
    status: 503,
    text: expect.stringContaining('waits for the log'),
  });
  await older.platform.start();
  await newer.platform.start();
  expect((await readiness(older)).status).toBe(200);
  for (const { platform } of [older, newer]) {
    await platform.shards.locate(tenantOf(platform), 'a').replica.readIndex();
  }
  const { replica } = newer.platform.shards.locate(tenantOf(newer.platform), 'a');
  const level = { kind: 'level', level: 2 } as const;
  await newer.platform.writers.of(replica).submit(shardSession, level);
  const behind = older.platform.shards.locate(tenantOf(older.platform), 'a').replica;
  await expect(behind.readIndex()).rejects.toMatchObject({ code: 'shard-stopped' });
  const stopped = await readiness(older);
  expect(stopped.status).toBe(503);
  expect(stopped.text).toContain('unknown-level: replace this process by the release');
  expect((await readiness(newer)).status).toBe(200);
});

test('a process is ready once it has folded what its log holds, and answers from then on', async () => {
  const simulated = new SimulatedEventLog({
    clock: createSystemClock(),
    prng: new SeededPrng(9),
    instant: true,
  });
  const name = 'a' as SessionName;
  await using first = await start(simulated, 2);
  await first.platform.start();
  const tenant = tenantOf(first.platform);
  await first.platform.writes.create(tenant, name, plain);

  const log = simulated.connect('late');
  const read = log.read.bind(log);
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  log.read = async function* (shard, options) {
    if (shard !== controlShard) {
      asked.resolve();
      await answered.promise;
    }
    yield* read(shard, options);
  };
  await using late = await start(simulated, 2, log);
  const starting = late.platform.start();
  await Promise.race([asked.promise, starting]);
  expect((await readiness(late)).status).toBe(503);
  answered.resolve();
  await starting;
  expect((await readiness(late)).status).toBe(200);
  const { replica } = late.platform.shards.locate(tenant, name);
  expect(replica.fold.position).toBe(simulated.bounds(replica.shard).end);
});

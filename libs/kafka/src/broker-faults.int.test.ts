// Real brokers, really killed. What the writer was told is compared with what the log holds.

import type { KafkaBroker } from '@tidemark/infra';
import type { EventLog, Shard } from '@tidemark/ports';
import { present } from '@tidemark/std';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { olderForMs } from './limits.ts';
import { AppendHistory } from './testing/append-history.ts';
import { TestCluster } from './testing/test-cluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes without a pause until told to stop; tells the longest time without an acknowledgement. */
function writeOn(history: AppendHistory): { stop(): Promise<number> } {
  let isStopped = false;
  let gapMs = 0;
  const run = async (): Promise<void> => {
    let lastAtMs = performance.now();
    while (!isStopped) {
      await history.insist();
      const nowMs = performance.now();
      gapMs = Math.max(gapMs, nowMs - lastAtMs);
      lastAtMs = nowMs;
    }
  };
  const running = run();
  return {
    async stop() {
      isStopped = true;
      await running;
      return Math.round(gapMs);
    },
  };
}

/** A shard led by the active controller's broker, or by another. */
async function shardLedBy(which: 'controller' | 'other', shards: readonly Shard[]): Promise<Shard> {
  const controller = await cluster.kafka.activeController();
  for (const shard of shards) {
    const { id } = await cluster.leaderOf(shard);
    if ((id === controller) === (which === 'controller')) return shard;
  }
  throw new Error(`no shard is led by it. which=${which}`);
}

describe('a leader is killed during appends', () => {
  test.each(['other', 'controller'] as const)(
    'nothing acknowledged is lost and order is kept: %s',
    async (which) => {
      const shards = await cluster.shards(6);
      const shard = await shardLedBy(which, shards);
      const leader = await cluster.leaderOf(shard);
      const log = cluster.open();
      const history = new AppendHistory(log, shard);
      for (let count = 0; count < 50; count += 1) await history.insist();
      const writer = writeOn(history);
      await pause(300);
      const { pid } = leader;
      await leader.kill('SIGKILL');
      await pause(4_000);
      const gapMs = await writer.stop();
      process.stdout.write(
        `leader ${leader.id} (pid ${pid}, ${which === 'controller' ? 'active controller' : 'not the controller'}) killed: ${gapMs} ms without an acknowledgement, ${history.attempted.size} records, ${history.unresolved.length} were unknown\n`,
      );
      expect(await history.violations(cluster.open())).toEqual([]);
      await leader.restart();
      const after = writeOn(history);
      await pause(500);
      await after.stop();
      expect(await history.violations(cluster.open())).toEqual([]);
    },
  );
});

describe('a leader that hangs', () => {
  /** Written to before, and until others have long followed its leader. */
  async function writeUntilFollowed(): Promise<{ history: AppendHistory; leader: KafkaBroker }> {
    const shard = await shardLedBy('other', await cluster.shards(6));
    const leader = await cluster.leaderOf(shard);
    const history = new AppendHistory(cluster.open(), shard);
    for (let count = 0; count < 20; count += 1) await history.insist();
    const writer = writeOn(history);
    await pause(200);
    await leader.kill('SIGSTOP');
    await pause(5_000);
    const gapMs = await writer.stop();
    process.stdout.write(`leader ${leader.id} stopped: ${gapMs} ms without an acknowledgement\n`);
    return { history, leader };
  }

  /** As a process begins that hears of this broker first. */
  const openAt = ({ host, port }: KafkaBroker): EventLog =>
    cluster.open({ brokers: [`${host}:${port}`] });

  test('is left for the next one, also by those who ask it while it does not know', async () => {
    const { history, leader } = await writeUntilFollowed();
    await leader.kill('SIGCONT');
    expect(await history.violations(openAt(leader))).toEqual([]);
    await cluster.kafka.ready();
    expect(await history.violations(cluster.open())).toEqual([]);
  });

  test('says neither where the log ends nor that it was lost, once those that followed it are gone', async () => {
    const { history, leader } = await writeUntilFollowed();
    const { shard, log } = history;
    const end = await endOf(log, shard);
    const others = cluster.kafka.brokers.filter(({ id }) => id !== leader.id);
    await Promise.all(others.map((broker) => broker.kill('SIGKILL')));
    await leader.kill('SIGCONT');
    const stopping = new AbortController();
    const reading = openAt(leader)
      .read(shard, { from: end, signal: stopping.signal })
      [Symbol.asyncIterator]()
      .next()
      .catch((fault: unknown) => fault);
    const sinceMs = performance.now();
    while (performance.now() - sinceMs < olderForMs + 2_000) {
      expect(await endOf(log, shard).catch(() => end)).toBe(end);
    }
    stopping.abort();
    // A Fault, had the end been taken for the log's.
    expect(await reading).toMatchObject({ done: true });
    for (const broker of others) await broker.restart();
    expect(await history.violations(cluster.open())).toEqual([]);
  });
});

describe('too few replicas', () => {
  test('a topic on two replicas with one dead: refused, with the reason', async () => {
    const settings = { replicationFactor: 2, minInsyncReplicas: 2 };
    const [shard] = await cluster.shards(1, settings);
    const there = present(shard, 'shard');
    const log = cluster.open(settings);
    const history = new AppendHistory(log, there);
    await history.insist();
    const leader = await cluster.leaderOf(there);
    const follower = present(
      (await cluster.replicasOf(there)).find(({ id }) => id !== leader.id),
      'follower',
    );
    await follower.kill('SIGKILL');
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const outcome = await history.attempt();
      expect(outcome.kind).not.toBe('committed');
      if (outcome.kind === 'not-committed') break;
    }
    expect(history.outcomes.at(-1)).toEqual({
      kind: 'not-committed',
      reason: 'NOT_ENOUGH_REPLICAS',
      retryable: true,
    });
    await follower.restart();
    await history.insist();
    expect(await history.violations(cluster.open())).toEqual([]);
  });

  test('two of three dead: unknown, never acknowledged, and the truth is found later', async () => {
    const [shard] = await cluster.shards(1);
    const there = present(shard, 'shard');
    const log = cluster.open({ produceTimeoutMs: 1_500 });
    const history = new AppendHistory(log, there);
    await history.insist();
    const leader = await cluster.leaderOf(there);
    const others = cluster.kafka.brokers.filter(({ id }) => id !== leader.id);
    await Promise.all(others.map((broker) => broker.kill('SIGKILL')));
    const outcome = await history.attempt();
    expect(outcome.kind).toBe('unknown');
    expect((await history.attempt()).kind).not.toBe('committed');
    await Promise.all(others.map((broker) => broker.restart()));
    // The same client goes on by itself.
    await history.insist(50);
    expect(await history.violations()).toEqual([]);
    const end = await endOf(log, there);
    process.stdout.write(
      `two of three killed: ${JSON.stringify(outcome)}, end afterwards ${end} with ${history.attempted.size} attempted\n`,
    );
    // Attempted again, each is committed, whether or not its first attempt had landed.
    for (const id of history.unresolved) expect((await history.attempt(id)).kind).toBe('committed');
  });
});

async function endOf(log: EventLog, shard: Shard): Promise<bigint> {
  const bounds = (await log.bounds([shard])).get(shard);
  if (bounds === undefined || bounds instanceof Error) throw bounds ?? new Error('no bounds');
  return bounds.end;
}

/** Longer than a follower's fetch waits at the leader. */
const followerFetchWaitMs = 1_500;

describe('mutants', () => {
  /** Both followers hang, the leader dies, the followers come back: who was told what? */
  async function loseTheLeader(acks: number): Promise<AppendHistory> {
    const [shard] = await cluster.shards(1);
    const there = present(shard, 'shard');
    const log = cluster.open({ produceTimeoutMs: 700 }, { acks });
    const history = new AppendHistory(log, there);
    for (let count = 0; count < 5; count += 1) await history.insist();
    const leader = await cluster.leaderOf(there);
    const others = cluster.kafka.brokers.filter(({ id }) => id !== leader.id);
    await Promise.all(others.map((broker) => broker.kill('SIGSTOP')));
    // A fetch that is still open would carry the record into a stopped follower's socket.
    await new Promise((resolve) => setTimeout(resolve, followerFetchWaitMs));
    await history.attempt();
    await leader.kill('SIGKILL');
    await Promise.all(others.map((broker) => broker.kill('SIGCONT')));
    await cluster.kafka.ready();
    // Something newer stands where the lost record stood.
    const next = new AppendHistory(cluster.open(), there);
    await next.insist(50);
    for (const id of next.attempted.keys()) history.attempted.set(id, attemptedOnce);
    return history;
  }
  const attemptedOnce = { attempts: 1_000, unknowns: 1, committedAt: undefined, isRefused: false };

  test('acks=1 loses what it has acknowledged; acks=all does not', async () => {
    const strict = await loseTheLeader(-1);
    expect(strict.outcomes.at(-1)?.kind).toBe('unknown');
    expect(await strict.violations(cluster.open())).toEqual([]);
    for (const broker of cluster.kafka.brokers) if (!broker.isRunning()) await broker.restart();

    const weak = await loseTheLeader(1);
    expect(weak.outcomes.at(-1)?.kind).toBe('committed');
    const violations = await weak.violations(cluster.open());
    expect(violations.some((violation) => violation.includes('is lost'))).toBe(true);
    for (const broker of cluster.kafka.brokers) if (!broker.isRunning()) await broker.restart();
  });
});

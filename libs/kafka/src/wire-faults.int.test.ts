// The wire between the client and real brokers, hurt by proxies.

import { type AppendOutcome, noHeaders, type Shard } from '@tidemark/ports';
import { bytesOf, present } from '@tidemark/std';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AppendHistory } from './testing/append-history.ts';
import { TestCluster } from './testing/test-cluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ proxied: true });
});
afterAll(() => cluster[Symbol.asyncDispose]());

async function freshShard(): Promise<Shard> {
  return present((await cluster.shards(1))[0], 'shard');
}

test('a connection cut after the request: unknown, and the record is there', async () => {
  const shard = await freshShard();
  const history = new AppendHistory(cluster.open(), shard);
  const { proxy } = await cluster.leaderOf(shard);
  let outcome: AppendOutcome;
  let sent = 0n;
  // What found its connection gone was never sent, and is not what is tested.
  do {
    await history.insist();
    sent += 1n;
    proxy?.dropAfterRequestBytes(1);
    outcome = await history.attempt();
    proxy?.release();
  } while (outcome.kind === 'not-committed');
  sent += 1n;
  expect(outcome.kind).toBe('unknown');
  const reader = cluster.open();
  let end = 0n;
  // The broker may be at it still.
  for (let look = 0; look < 100 && end < sent; look += 1) {
    const bounds = (await reader.bounds([shard])).get(shard);
    if (bounds !== undefined && !(bounds instanceof Error)) end = bounds.end;
  }
  expect(end).toBe(sent);
  expect((await history.attempt(present(history.unresolved[0], 'unresolved'))).kind).toBe(
    'committed',
  );
  expect(await history.violations(reader)).toEqual([]);
});

test('a leader cut off: nothing is written, and the same client goes on afterwards', async () => {
  const shard = await freshShard();
  const log = cluster.open({ leaderWaitMs: 300 });
  const history = new AppendHistory(log, shard);
  await history.insist();
  for (const { proxy } of cluster.kafka.brokers) proxy?.cut();
  // Where the reset is not noticed yet, the request is written to nobody: only that it is unknown.
  const first = await history.attempt();
  const second = await history.attempt();
  for (const { proxy } of cluster.kafka.brokers) proxy?.release();
  expect(first.kind).not.toBe('committed');
  expect(second).toMatchObject({ kind: 'not-committed', retryable: true });
  await history.insist();
  expect(await history.violations()).toEqual([]);
});

test('a stalled wire: unknown after its time, and what was held back is seen later', async () => {
  const shard = await freshShard();
  const history = new AppendHistory(cluster.open({ produceTimeoutMs: 300 }), shard);
  await history.insist();
  const { proxy } = await cluster.leaderOf(shard);
  proxy?.stall();
  expect((await history.attempt()).kind).toBe('unknown');
  proxy?.release();
  await history.insist();
  expect(await history.violations()).toEqual([]);
});

test('readers go on where they were after every connection was cut', async () => {
  const shard = await freshShard();
  const history = new AppendHistory(cluster.open(), shard);
  const controller = new AbortController();
  const offsets: bigint[] = [];
  const follow = async (): Promise<void> => {
    const { signal } = controller;
    for await (const chunk of cluster.open().read(shard, { from: 0n, signal })) {
      offsets.push(...chunk.records.map(({ offset }) => offset));
      if (offsets.length >= 60) controller.abort();
    }
  };
  const following = follow();
  for (let count = 0; count < 60; count += 1) {
    if (count % 20 === 10) {
      for (const { proxy } of cluster.kafka.brokers) {
        proxy?.cut();
        proxy?.release();
      }
    }
    await history.insist();
  }
  await following;
  expect(offsets.slice(0, 60)).toEqual(Array.from({ length: 60 }, (_, index) => BigInt(index)));
});

test('a slow consumer of one shard does not keep another back', async () => {
  const [slow, quick] = await cluster.shards(2);
  const log = cluster.open();
  const value = new Uint8Array(512 * 1_024);
  const batch = () => [{ key: bytesOf('k'), value, headers: noHeaders, timeMs: 1 }];
  let end = 0n;
  for (let count = 0; count < 12; ) {
    const pending = log.append(new Map([[present(slow, 'shard'), batch]]));
    const outcome = await pending.get(present(slow, 'shard'));
    if (outcome?.kind !== 'committed') continue;
    end = outcome.baseOffset + 1n;
    count += 1;
  }
  const reader = cluster.open();
  const controller = new AbortController();
  const { signal } = controller;
  const stuck = reader.read(present(slow, 'shard'), { from: 0n, signal })[Symbol.asyncIterator]();
  // Takes one chunk and then nothing more.
  expect((await stuck.next()).done).toBe(false);
  const history = new AppendHistory(log, present(quick, 'shard'));
  const records: bigint[] = [];
  const follow = async (): Promise<void> => {
    for await (const chunk of reader.read(present(quick, 'shard'), { from: 0n, signal })) {
      records.push(...chunk.records.map(({ offset }) => offset));
      if (records.length >= 20) return;
    }
  };
  const following = follow();
  for (let count = 0; count < 20; count += 1) await history.insist();
  await following;
  expect(records.length).toBeGreaterThanOrEqual(20);
  let at = 0n;
  while (at < end) at = present((await stuck.next()).value, 'chunk').nextOffset;
  controller.abort();
});

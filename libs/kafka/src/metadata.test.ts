// What is believed of leaders, told by a broker that lags behind what it said before.

import { type Shard, shardOf } from '@tidemark/ports';
import { expect, test } from 'vitest';
import { olderForMs } from './limits.ts';
import { type StubBroker, startStubBroker } from './testing/stub-broker.ts';
import { openSabotagedKafkaLog, realComponents } from './testing.ts';

const shard: Shard = shardOf('t', 0);

/** A log whose leader is in doubt before each look at its end, and the epochs that it was asked with. */
async function openLagging(leaderEpochOf: (question: number) => number) {
  let aheadMs = 0;
  const clock = {
    ...realComponents.clock,
    monotonicMs: () => realComponents.clock.monotonicMs() + aheadMs,
  };
  const stub: StubBroker = await startStubBroker({
    topics: new Map([['t', 1]]),
    leaderEpochOf,
    // Not the leader: it is looked for again.
    onProduce: () => ({ copies: 0, errorCode: 6 }),
  });
  const log = openSabotagedKafkaLog({ ...realComponents, clock }, { brokers: [stub.address] }, {});
  const record = { key: nothing, value: nothing, headers: nothing, timeMs: 1 };
  return {
    pass: (ms: number): void => {
      aheadMs += ms;
    },
    askedWith: async (): Promise<number | undefined> => {
      await log.append(new Map([[shard, () => [record]]])).get(shard);
      await log.bounds([shard]);
      return stub.offsetEpochs.at(-1);
    },
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await stub[Symbol.asyncDispose]();
    },
  };
}

const nothing = new Uint8Array(0);

test('a newer leader is believed at once, an older one is not', async () => {
  let epoch = 5;
  await using log = await openLagging(() => epoch);
  expect(await log.askedWith()).toBe(5);
  epoch = 3;
  expect(await log.askedWith()).toBe(5);
  epoch = 6;
  expect(await log.askedWith()).toBe(6);
});

test('lower epochs that last are those of a topic that was made again', async () => {
  let epoch = 5;
  await using log = await openLagging(() => epoch);
  expect(await log.askedWith()).toBe(5);
  epoch = 0;
  expect(await log.askedWith()).toBe(5);
  log.pass(olderForMs);
  expect(await log.askedWith()).toBe(0);
});

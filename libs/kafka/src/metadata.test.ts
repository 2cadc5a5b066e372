// What is believed of leaders, told by brokers that lag behind the others or behind what they said before.

import { type EventLog, type Shard, shardOf } from '@tidemark/ports';
import { present } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { olderForMs } from './limits.ts';
import { type StubBroker, startStubBroker } from './testing/stub-broker.ts';
import { openSabotagedKafkaLog, realComponents } from './testing.ts';

const shard: Shard = shardOf('t', 0);
const nothing = new Uint8Array(0);
const record = { key: nothing, value: nothing, headers: nothing, timeMs: 1 };

/** Brokers that each say that they lead; and a log that hears of the first of them first. */
class World implements AsyncDisposable {
  readonly stubs: StubBroker[] = [];
  readonly #logs: EventLog[] = [];
  #aheadMs = 0;

  static async open(epochsOf: readonly ((question: number) => number)[]): Promise<World> {
    const world = new World();
    for (const [index, leaderEpochOf] of epochsOf.entries()) {
      world.stubs.push(
        await startStubBroker({
          id: index + 1,
          brokerPorts: () => new Map(world.stubs.map(({ port }, at) => [at + 1, port])),
          topics: new Map([['t', 1]]),
          leaderEpochOf,
          // Not the leader: it is looked for again.
          onProduce: () => ({ copies: 0, errorCode: 6 }),
        }),
      );
    }
    return world;
  }

  log(): EventLog {
    const clock = {
      ...realComponents.clock,
      monotonicMs: () => realComponents.clock.monotonicMs() + this.#aheadMs,
    };
    const brokers = [present(this.stubs[0], 'broker').address];
    const settings = { brokers, requestTimeoutMs: 300, leaderWaitMs: 300 };
    const log = openSabotagedKafkaLog({ ...realComponents, clock }, settings, {});
    this.#logs.push(log);
    return log;
  }

  pass(ms: number): void {
    this.#aheadMs += ms;
  }

  async stop(id: number): Promise<void> {
    await present(this.stubs[id - 1], 'broker')[Symbol.asyncDispose]();
  }

  /** The epochs of the leaders that were asked for the end since, with the leader in doubt before. */
  async askedWith(log: EventLog): Promise<readonly number[]> {
    const before = this.stubs.map(({ offsetEpochs }) => offsetEpochs.length);
    await log.append(new Map([[shard, () => [record]]])).get(shard);
    await log.bounds([shard]);
    const since = this.stubs.flatMap(({ offsetEpochs }, at) => offsetEpochs.slice(before[at]));
    return [...new Set(since)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const log of this.#logs) await log[Symbol.asyncDispose]();
    for (const stub of this.stubs) await stub[Symbol.asyncDispose]();
  }
}

describe('a broker that tells other than before', () => {
  test('a newer leader is believed at once, an older one is not', async () => {
    let epoch = 5;
    await using world = await World.open([() => epoch]);
    const log = world.log();
    expect(await world.askedWith(log)).toEqual([5]);
    epoch = 3;
    expect(await world.askedWith(log)).toEqual([5]);
    epoch = 6;
    expect(await world.askedWith(log)).toEqual([6]);
  });

  test('lower epochs that last are those of a topic that was made again', async () => {
    let epoch = 5;
    await using world = await World.open([() => epoch]);
    const log = world.log();
    expect(await world.askedWith(log)).toEqual([5]);
    epoch = 0;
    expect(await world.askedWith(log)).toEqual([5]);
    world.pass(olderForMs);
    expect(await world.askedWith(log)).toEqual([0]);
  });
});

describe('brokers that contradict each other', () => {
  test('a log that begins asks the newest leader, whichever broker it hears first', async () => {
    await using world = await World.open([() => 3, () => 5, () => 5]);
    for (let count = 0; count < 5; count += 1) {
      expect(await world.askedWith(world.log())).toEqual([5]);
    }
  });

  test('a broker that hangs is not waited for', async () => {
    const { promise: never } = Promise.withResolvers<void>();
    await using world = await World.open([() => 5, () => 5]);
    await using hung = await startStubBroker({
      id: 3,
      topics: new Map([['t', 1]]),
      beforeMetadata: () => never,
    });
    world.stubs.push(hung);
    expect(await world.askedWith(world.log())).toEqual([5]);
  });

  test('an old leader that is cut off is never believed, however long it tells', async () => {
    await using world = await World.open([() => 3, () => 5, () => 5]);
    const log = world.log();
    expect(await world.askedWith(log)).toEqual([5]);
    await world.stop(2);
    await world.stop(3);
    for (let count = 0; count < 3; count += 1) {
      expect(await world.askedWith(log)).toEqual([]);
      world.pass(olderForMs);
    }
  });
});

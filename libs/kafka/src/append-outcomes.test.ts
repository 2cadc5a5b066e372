// A broker that answers as it is told, over real sockets: every way an append can end.

import { type AppendOutcome, noHeaders, type Shard, shardOf } from '@tidemark/ports';
import { bytesOf, present } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { appendOutcomeOf } from './errors.ts';
import type { KafkaSettings } from './settings.ts';
import { AppendHistory } from './testing/append-history.ts';
import { type StubBroker, type StubPlan, startStubBroker } from './testing/stub-broker.ts';
import { type AppendSabotage, openSabotagedKafkaLog, realComponents } from './testing.ts';

const shard = shardOf('t', 0);
const recordOf = (text: string) => ({
  key: bytesOf('k'),
  value: bytesOf(text),
  headers: noHeaders,
  timeMs: 1,
});

interface World extends AsyncDisposable {
  readonly stub: StubBroker;
  readonly log: ReturnType<typeof openSabotagedKafkaLog>;
}

async function openWorld(
  plan: Partial<StubPlan> = {},
  settings: Partial<KafkaSettings> = {},
  sabotage: Partial<AppendSabotage> = {},
): Promise<World> {
  const stub = await startStubBroker({ topics: new Map([['t', 8]]), ...plan });
  const whole = { brokers: [stub.address], ...settings };
  const log = openSabotagedKafkaLog(realComponents, whole, sabotage);
  return {
    stub,
    log,
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await stub[Symbol.asyncDispose]();
    },
  };
}

const append = (log: World['log'], to: Shard, text: string): Promise<AppendOutcome | undefined> =>
  present(log.append(new Map([[to, () => [recordOf(text)]]])).get(to), 'outcome');

describe('an answer of the broker', () => {
  test.each([
    [2, 'not-committed'],
    [10, 'not-committed'],
    [18, 'not-committed'],
    [19, 'not-committed'],
    [29, 'not-committed'],
    [32, 'not-committed'],
    [87, 'not-committed'],
    [3, 'unknown'],
    [6, 'unknown'],
    [7, 'unknown'],
    [20, 'unknown'],
    [56, 'unknown'],
    [9_999, 'unknown'],
  ])('error %i is %s', async (errorCode, kind) => {
    await using world = await openWorld({ onProduce: () => ({ copies: 0, errorCode }) });
    expect((await append(world.log, shard, 'x'))?.kind).toBe(kind);
  });

  test('is unknown without a base offset', async () => {
    await using world = await openWorld({
      onProduce: () => ({ copies: 1, errorCode: 0, baseOffset: -1n }),
    });
    expect((await append(world.log, shard, 'x'))?.kind).toBe('unknown');
  });

  test('is unknown where the shard is not in it', async () => {
    await using world = await openWorld({ onProduce: () => ({ copies: 1, isMissing: true }) });
    expect((await append(world.log, shard, 'x'))?.kind).toBe('unknown');
  });

  test('is read for each shard by itself', async () => {
    const codes = [0, 6, 19];
    await using world = await openWorld({
      onProduce: (of) => ({ copies: 1, errorCode: codes[Number(of.slice(2))] ?? 0 }),
    });
    const shards = codes.map((_, index) => shardOf('t', index));
    const outcomes = world.log.append(new Map(shards.map((of) => [of, () => [recordOf('x')]])));
    const kinds = await Promise.all(shards.map((of) => present(outcomes.get(of), 'outcome')));
    expect(kinds.map((outcome) => outcome?.kind)).toEqual([
      'committed',
      'unknown',
      'not-committed',
    ]);
    expect(world.stub.produceRequests.length).toBe(1);
  });
});

describe('no answer of the broker', () => {
  test('is unknown when the connection ends after the request', async () => {
    await using world = await openWorld({ afterProduce: () => Promise.resolve('disconnect') });
    expect((await append(world.log, shard, 'x'))?.kind).toBe('unknown');
    expect(world.stub.stored.get(shard)).toEqual(['x']);
  });

  test('is unknown when its time is over', async () => {
    await using world = await openWorld(
      { afterProduce: () => Promise.resolve('silence') },
      { produceTimeoutMs: 1 },
    );
    expect((await append(world.log, shard, 'x'))?.kind).toBe('unknown');
  });

  test('leaves its source uncalled where no broker can be reached', async () => {
    await using world = await openWorld({}, { leaderWaitMs: 100 });
    await world.stub[Symbol.asyncDispose]();
    let isCalled = false;
    const source = () => {
      isCalled = true;
      return [recordOf('x')];
    };
    const outcome = await world.log.append(new Map([[shard, source]])).get(shard);
    expect(outcome).toMatchObject({ kind: 'not-committed', retryable: true });
    expect(isCalled).toBe(false);
    await using again = await openWorld();
    expect((await append(again.log, shard, 'x'))?.kind).toBe('committed');
  });

  test('comes with the next connection after a lost one', async () => {
    let isLost = true;
    await using world = await openWorld({
      afterProduce: () => {
        const next = isLost ? 'disconnect' : 'answer';
        isLost = false;
        return Promise.resolve(next);
      },
    });
    expect((await append(world.log, shard, 'x'))?.kind).toBe('unknown');
    const second = await append(world.log, shard, 'y');
    const third = await append(world.log, shard, 'z');
    expect(second?.kind).toBe('committed');
    expect(second?.kind === 'committed' && second.tenure).toBe(
      third?.kind === 'committed' && third.tenure,
    );
  });
});

describe('lanes', () => {
  test('calls of one turn join one request, and what comes meanwhile joins the next', async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    await using world = await openWorld({
      afterProduce: async () => {
        await opened;
        return 'answer';
      },
    });
    const [one, two, ...rest] = Array.from({ length: 8 }, (_, index) => shardOf('t', index));
    const first = append(world.log, present(one, 'shard'), 'a');
    while (world.stub.produceRequests.length < 1) await new Promise(setImmediate);
    const second = append(world.log, present(two, 'shard'), 'b');
    while (world.stub.produceRequests.length < 2) await new Promise(setImmediate);
    // Both lanes are out: these wait, and share what comes next.
    const others = rest.map((of) => append(world.log, of, 'c'));
    open();
    await Promise.all([first, second, ...others]);
    expect(world.stub.produceRequests.map((shards) => shards.length)).toEqual([1, 1, 6]);
  });

  test('a writer alone stays on one lane, and both lanes share a tenure', async () => {
    let isHeld = false;
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    await using world = await openWorld({
      afterProduce: async (shards) => {
        if (isHeld && shards.includes(shard)) await opened;
        return 'answer';
      },
    });
    const other = shardOf('t', 1);
    const tenures = new Set<string>();
    const note = (outcome: AppendOutcome | undefined): void => {
      tenures.add(outcome?.kind === 'committed' ? outcome.tenure : 'none');
    };
    for (let count = 0; count < 5; count += 1) note(await append(world.log, shard, 'x'));
    expect(world.stub.produceConnections.size).toBe(1);
    isHeld = true;
    const held = append(world.log, shard, 'y');
    while (world.stub.produceRequests.length < 6) await new Promise(setImmediate);
    note(await append(world.log, other, 'z'));
    expect(world.stub.produceConnections.size).toBe(2);
    open();
    note(await held);
    expect(tenures.size).toBe(1);
  });

  test('a lost connection ends the tenure', async () => {
    let isLost = false;
    await using world = await openWorld({
      afterProduce: () => Promise.resolve(isLost ? 'disconnect' : 'answer'),
    });
    const first = await append(world.log, shard, 'x');
    isLost = true;
    expect((await append(world.log, shard, 'y'))?.kind).toBe('unknown');
    isLost = false;
    const third = await append(world.log, shard, 'z');
    expect(third?.kind).toBe('committed');
    expect(third).not.toMatchObject({ tenure: first?.kind === 'committed' && first.tenure });
  });

  test('a shard that was not committed flies alone until it is', async () => {
    await using world = await openWorld({
      onProduce: (of, attempt) => ({
        copies: 1,
        errorCode: of === shard && attempt <= 2 ? 7 : 0,
      }),
    });
    const other = shardOf('t', 1);
    for (let round = 0; round < 4; round += 1) {
      await Promise.all([append(world.log, shard, 'x'), append(world.log, other, 'y')]);
    }
    const withShard = world.stub.produceRequests.filter((shards) => shards.includes(shard));
    expect(withShard.map((shards) => shards.length)).toEqual([2, 1, 1, 2]);
  });

  test('a late look for the leader of one append does not cost the next its connection', async () => {
    const [isAsked, isNextSent] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let produced = 0;
    await using world = await openWorld({
      afterProduce: async () => {
        produced += 1;
        if (produced === 1) await isAsked.promise;
        if (produced !== 2) return 'answer';
        isNextSent.resolve();
        await new Promise((resolve) => setTimeout(resolve, 200));
        return 'answer';
      },
      beforeMetadata: async (question) => {
        if (question === 1) return;
        isAsked.resolve();
        await isNextSent.promise;
      },
    });
    expect((await append(world.log, shard, 'x'))?.kind).toBe('committed');
    expect((await append(world.log, shard, 'y'))?.kind).toBe('committed');
  });

  test('a second append to a shard under way is a broken invariant', async () => {
    await using world = await openWorld();
    const first = append(world.log, shard, 'x');
    expect(() => world.log.append(new Map([[shard, () => [recordOf('y')]]]))).toThrow(
      'one append at a time',
    );
    expect((await first)?.kind).toBe('committed');
  });

  test('5,000 topics are asked for in one question and written in one request', async () => {
    const names = Array.from({ length: 5_000 }, (_, index) => `topic-${index}`);
    await using world = await openWorld({ topics: new Map(names.map((name) => [name, 1])) });
    const shards = names.map((name) => shardOf(name, 0));
    for (let round = 1; round <= 2; round += 1) {
      const outcomes = world.log.append(new Map(shards.map((of) => [of, () => [recordOf('x')]])));
      const kinds = (await Promise.all(outcomes.values())).map((outcome) => outcome?.kind);
      expect(kinds.every((kind) => kind === 'committed')).toBe(true);
      // A busy machine may take so long that the leaders are looked for again: in one question too.
      expect(world.stub.metadataRequests.every((count) => count === 5_000)).toBe(true);
      expect(world.stub.produceRequests.length).toBe(round);
    }
  });
});

// The same check on the same story: it must see each mutant, and nothing in what is right.
describe('what the writer was told holds in the log', () => {
  const story = async (
    onProduce: StubPlan['onProduce'],
    sabotage: Partial<AppendSabotage>,
  ): Promise<readonly string[]> => {
    await using world = await openWorld(onProduce === undefined ? {} : { onProduce }, {}, sabotage);
    const history = new AppendHistory(world.log, shard);
    for (let count = 0; count < 3; count += 1) await history.attempt();
    const stored = world.stub.stored.get(shard) ?? [];
    return history.violationsIn(new Map(stored.map((id, offset) => [BigInt(offset), id])));
  };
  const timesOut = (_: Shard, attempt: number) => ({ copies: 1, errorCode: attempt === 1 ? 7 : 0 });
  const deposed = (_: Shard, attempt: number) => ({ copies: 1, errorCode: attempt === 1 ? 6 : 0 });

  test('when a time-out came after the append', async () => {
    expect(await story(timesOut, {})).toEqual([]);
  });

  test('not with a retry hidden in the client', async () => {
    expect(await story(timesOut, { attempts: 2 })).toEqual([
      't/0#0 has more copies than attempts: 2',
    ]);
  });

  test('when NOT_LEADER came after the append', async () => {
    expect(await story(deposed, {})).toEqual([]);
  });

  test('not with NOT_LEADER taken as not committed', async () => {
    const outcomeOf: typeof appendOutcomeOf = (code, baseOffset, tenure) =>
      code === 6
        ? { kind: 'not-committed', reason: 'NOT_LEADER', retryable: true }
        : appendOutcomeOf(code, baseOffset, tenure);
    expect(await story(deposed, { outcomeOf })).toEqual(['t/0#0 was refused and is there']);
  });
});

// What every EventLog owes its callers. The suite opens one log and works on shards of its own, so
// that a real cluster pays for few topics. Where a log runs on a simulated clock, the suite drives it.

import { bytesOf, emptyBytes, equalBytes, present } from '@tidemark/std';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type AppendOutcome,
  type Durability,
  type EventLog,
  type LogRecord,
  type Shard,
  type ShardBounds,
  type StoredRecord,
  shardOf,
} from '../event-log.ts';
import { type Fault, isFault } from '../fault.ts';
import { encodeHeaders, noHeaders } from '../record-headers.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import { settle } from './simulated-clock.ts';

export interface OpenedEventLog extends AsyncDisposable {
  readonly log: EventLog;
  /** Another process's view of the same log, where the implementation allows one. */
  readonly secondHandle?: EventLog;
  /** The clock that the log waits on, where it is simulated. */
  readonly clock?: SimulatedClock;
  readonly durability?: Durability;
}

const signalThatNeverFires = (): AbortSignal => new AbortController().signal;
const partitionsOfSuite = 64;
const widePartitions = 1_000;

export const recordOf = (text: string, part: Partial<LogRecord> = {}): LogRecord => ({
  key: bytesOf('session'),
  value: bytesOf(text),
  headers: noHeaders,
  timeMs: 1_700_000_000_000,
  ...part,
});

const textsOf = (records: readonly StoredRecord[]): string[] =>
  records.map((record) => new TextDecoder().decode(record.value));

const numbered = (count: number, prefix = 'r'): LogRecord[] =>
  Array.from({ length: count }, (_, index) => recordOf(`${prefix}${index}`));

/** One log of the suite, with what the tests do again and again. */
class Bench {
  readonly opened: OpenedEventLog;
  readonly topic: string;
  #nextShard = 0;

  constructor(opened: OpenedEventLog, topic: string) {
    this.opened = opened;
    this.topic = topic;
  }

  get log(): EventLog {
    return this.opened.log;
  }

  /** The second process where there can be one, else the same one again. */
  get other(): EventLog {
    return this.opened.secondHandle ?? this.opened.log;
  }

  /** A shard that no other test uses. */
  shard(): Shard {
    this.#nextShard += 1;
    if (this.#nextShard > partitionsOfSuite) throw new Error('the suite needs more partitions');
    return shardOf(this.topic, this.#nextShard - 1);
  }

  /** Waits for a promise, driving the clock where it is simulated. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.opened.clock?.runUntil(promise) ?? promise;
  }

  outcome(
    log: EventLog,
    shard: Shard,
    batch: readonly LogRecord[],
  ): Promise<AppendOutcome | undefined> {
    const outcomes = log.append(new Map([[shard, () => batch]]));
    return this.run(present(outcomes.get(shard), 'outcome'));
  }

  /** The base offset of a batch that must be committed. */
  async append(shard: Shard, batch: readonly LogRecord[], log = this.log): Promise<bigint> {
    const outcome = await this.outcome(log, shard, batch);
    if (outcome?.kind !== 'committed') throw new Error(`not committed. ${JSON.stringify(outcome)}`);
    return outcome.baseOffset;
  }

  async boundsOf(shard: Shard, log = this.log): Promise<ShardBounds> {
    const bounds = (await this.run(log.bounds([shard]))).get(shard);
    if (bounds === undefined || bounds instanceof Error) throw bounds ?? new Error('no bounds');
    return bounds;
  }

  /** Reads until `count` records are there. */
  async take(
    shard: Shard,
    options: { from: bigint; count: number; log?: EventLog; chunkBytesMax?: number },
  ): Promise<StoredRecord[]> {
    const controller = new AbortController();
    const { from, chunkBytesMax } = options;
    const read = (options.log ?? this.log).read(shard, {
      from,
      signal: controller.signal,
      ...(chunkBytesMax === undefined ? {} : { chunkBytesMax }),
    });
    const collect = async (): Promise<StoredRecord[]> => {
      const records: StoredRecord[] = [];
      for await (const chunk of read) {
        records.push(...chunk.records);
        if (records.length >= options.count) break;
      }
      controller.abort();
      return records;
    };
    return this.run(collect());
  }

  /** The Fault that a promise rejects with. */
  async fault(promise: Promise<unknown>): Promise<Fault> {
    const caught = await this.run(
      promise.then(
        () => undefined,
        (cause: unknown) => cause,
      ),
    );
    if (!isFault(caught)) throw new Error('expected a Fault', { cause: caught });
    return caught;
  }

  firstChunk(shard: Shard, from: bigint, log = this.log): Promise<unknown> {
    const read = log.read(shard, { from, signal: signalThatNeverFires() });
    return read[Symbol.asyncIterator]().next();
  }
}

/** Every EventLog passes this suite. */
export function describeEventLog(name: string, open: () => Promise<OpenedEventLog>): void {
  describe(`${name} as an EventLog`, () => {
    let bench: Bench;
    const theBench = (): Bench => bench;

    beforeAll(async () => {
      const opened = await open();
      bench = new Bench(opened, `contract-${globalThis.crypto.randomUUID().slice(0, 8)}`);
      const { topic, log } = bench;
      const durability = opened.durability ?? 'replicated';
      const spec = { name: topic, partitions: partitionsOfSuite, durability };
      const made = await bench.run(log.ensureTopic(spec));
      expect(made.partitions).toBe(partitionsOfSuite);
    });
    afterAll(() => bench?.opened[Symbol.asyncDispose]());

    describeAppends(theBench);
    describeReads(theBench);
    describeTrims(theBench);
    describeTopics(theBench);
    describeSignals(theBench);
  });
}

function describeAppends(theBench: () => Bench): void {
  test('a single writer gets contiguous base offsets', async () => {
    const bench = theBench();
    const shard = bench.shard();
    let expected = (await bench.boundsOf(shard)).end;
    for (const count of [1, 3, 2, 10, 1]) {
      expect(await bench.append(shard, numbered(count))).toBe(expected);
      expected += BigInt(count);
    }
    expect((await bench.boundsOf(shard)).end).toBe(expected);
  });

  test('each of two writers sees a gap where the other wrote', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const first = await bench.append(shard, numbered(2, 'a'));
    expect(await bench.append(shard, numbered(3, 'b'), bench.other)).toBe(first + 2n);
    expect(await bench.append(shard, numbered(1, 'c'))).toBe(first + 5n);
    const records = await bench.take(shard, { from: first, count: 6, log: bench.other });
    expect(textsOf(records)).toEqual(['a0', 'a1', 'b0', 'b1', 'b2', 'c0']);
    expect(records.map((record) => record.offset - first)).toEqual([0n, 1n, 2n, 3n, 4n, 5n]);
  });

  test('an end that anybody is told never lies inside a batch', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const batchRecords = 7;
    const { start } = await bench.boundsOf(shard);
    const write = async (): Promise<void> => {
      for (let count = 0; count < 30; count += 1) {
        const outcomes = bench.log.append(new Map([[shard, () => numbered(batchRecords)]]));
        await outcomes.get(shard);
      }
    };
    const ends = new Set<bigint>();
    let isWriting = true;
    const ask = async (): Promise<void> => {
      while (isWriting) {
        const bounds = (await bench.other.bounds([shard])).get(shard);
        if (bounds !== undefined && !(bounds instanceof Error)) ends.add(bounds.end - start);
        await settle();
      }
    };
    const writing = write().finally(() => {
      isWriting = false;
    });
    await bench.run(Promise.all([writing, ask()]));
    expect(ends.size).toBeGreaterThan(0);
    expect([...ends].filter((end) => end % BigInt(batchRecords) !== 0n)).toEqual([]);
    expect((await bench.boundsOf(shard)).end - start).toBe(30n * BigInt(batchRecords));
  });

  test('an acknowledged batch is below the end that is told right after', async () => {
    const bench = theBench();
    const shard = bench.shard();
    for (let round = 0; round < 10; round += 1) {
      const base = await bench.append(shard, numbered(2));
      expect((await bench.boundsOf(shard, bench.other)).end).toBe(base + 2n);
    }
  });

  test('a source is called once, and an empty answer takes its shard out', async () => {
    const bench = theBench();
    const [taken, empty] = [bench.shard(), bench.shard()];
    const calls = { taken: 0, empty: 0 };
    const outcomes = bench.log.append(
      new Map([
        [taken, () => (calls.taken++, [recordOf('x')])],
        [empty, () => (calls.empty++, [])],
      ]),
    );
    expect((await bench.run(present(outcomes.get(taken), 'taken')))?.kind).toBe('committed');
    expect(await bench.run(present(outcomes.get(empty), 'empty'))).toBeUndefined();
    expect(calls).toEqual({ taken: 1, empty: 1 });
    const bounds = await bench.boundsOf(empty);
    expect(bounds.end).toBe(bounds.start);
    expect((await bench.outcome(bench.log, empty, [recordOf('y')]))?.kind).toBe('committed');
  });

  test('key, value, headers and time come back as they were written', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const headers = encodeHeaders([
      ['kind', 'event'],
      ['rev', '17'],
    ]);
    const written: LogRecord[] = [
      recordOf('', { key: allBytes, value: allBytes, headers, timeMs: 1_234_567_890_123 }),
      recordOf('', { key: bytesOf('k'), value: emptyBytes, timeMs: 1_234_567_890_100 }),
      recordOf('', { key: bytesOf('k'), value: bytesOf('v'), timeMs: 0 }),
    ];
    const base = await bench.append(shard, written);
    const read = await bench.take(shard, { from: base, count: 3, log: bench.other });
    expect(read.length).toBe(3);
    for (const [index, record] of read.entries()) {
      const expected = present(written[index], 'record');
      expect(equalBytes(record.key, expected.key)).toBe(true);
      expect(equalBytes(record.value, expected.value)).toBe(true);
      expect(equalBytes(record.headers, expected.headers)).toBe(true);
      expect(record.timeMs).toBe(expected.timeMs);
    }
  });

  test('a record of 8 MiB is kept', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const value = new Uint8Array(8 * 1_024 * 1_024).map((_, index) => index % 251);
    const base = await bench.append(shard, [recordOf('small'), recordOf('', { value })]);
    const [, read] = await bench.take(shard, { from: base, count: 2 });
    expect(equalBytes(present(read, 'record').value, value)).toBe(true);
  });

  test('a batch of 16 MiB is refused for good and changes nothing', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const value = new Uint8Array(16 * 1_024 * 1_024);
    const outcome = await bench.outcome(bench.log, shard, [recordOf('', { value })]);
    expect(outcome).toMatchObject({ kind: 'not-committed', retryable: false });
    const { start, end } = await bench.boundsOf(shard);
    expect(end).toBe(start);
    expect((await bench.outcome(bench.log, shard, [recordOf('y')]))?.kind).toBe('committed');
  });

  test('a shard that is not there takes nothing', async () => {
    const bench = theBench();
    const outcome = await bench.outcome(bench.log, shardOf(bench.topic, 9_999), [recordOf('x')]);
    expect(outcome?.kind).not.toBe('committed');
  });

  test('one call appends to a thousand shards', async () => {
    const bench = theBench();
    const spec = {
      name: `${bench.topic}-wide`,
      partitions: widePartitions,
      durability: bench.opened.durability ?? 'replicated',
    } as const;
    await bench.run(bench.log.ensureTopic(spec));
    const shards = Array.from({ length: widePartitions }, (_, index) => shardOf(spec.name, index));
    let waiting = shards;
    while (waiting.length > 0) {
      const sources = waiting.map((shard) => [shard, () => [recordOf(shard)]] as const);
      const appended = [...bench.log.append(new Map(sources)).values()];
      const outcomes = await bench.run(Promise.all(appended));
      const kinds = outcomes.map((outcome) => outcome?.kind);
      expect(kinds).not.toContain('unknown');
      // A new topic's replicas come into sync one by one; nothing of these is in the log yet.
      waiting = waiting.filter((_, index) => kinds[index] === 'not-committed');
    }
    const bounds = await bench.run(bench.other.bounds(shards));
    const ends = shards.map((shard) => bounds.get(shard));
    expect(ends.filter((end) => end instanceof Error || end?.end !== 1n)).toEqual([]);
    for (const shard of [shards[0], shards[500], shards[999]]) {
      const read = await bench.take(present(shard, 'shard'), { from: 0n, count: 1 });
      expect(textsOf(read)).toEqual([shard]);
    }
  });
}

function describeReads(theBench: () => Bench): void {
  test('a read starts exactly at its offset, also inside a batch', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const base = await bench.append(shard, numbered(10));
    const records = await bench.take(shard, { from: base + 4n, count: 6 });
    expect(textsOf(records)).toEqual(['r4', 'r5', 'r6', 'r7', 'r8', 'r9']);
    expect(records[0]?.offset).toBe(base + 4n);
  });

  test('chunks follow each other, each with a record at least', async () => {
    const bench = theBench();
    const shard = bench.shard();
    for (let batch = 0; batch < 5; batch += 1) await bench.append(shard, numbered(20, `${batch}-`));
    const collect = async (): Promise<bigint[]> => {
      const offsets: bigint[] = [];
      const signal = signalThatNeverFires();
      let next = 0n;
      for await (const chunk of bench.log.read(shard, { from: 0n, signal, chunkBytesMax: 1 })) {
        expect(chunk.records.length).toBeGreaterThan(0);
        expect(chunk.records[0]?.offset).toBe(next);
        next = chunk.nextOffset;
        offsets.push(...chunk.records.map((record) => record.offset));
        if (offsets.length >= 100) break;
      }
      return offsets;
    };
    const expected = Array.from({ length: 100 }, (_, index) => BigInt(index));
    expect(await bench.run(collect())).toEqual(expected);
  });

  test('a follower sees every record once, in order, while two writers append', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const write = async (log: EventLog, prefix: string): Promise<void> => {
      for (let count = 0; count < 25; count += 1) {
        await log.append(new Map([[shard, () => numbered(2, `${prefix}${count}-`)]])).get(shard);
      }
    };
    const follow = bench.take(shard, { from: 0n, count: 100, log: bench.other });
    const writing =
      bench.log === bench.other
        ? write(bench.log, 'a').then(() => write(bench.log, 'b'))
        : Promise.all([write(bench.log, 'a'), write(bench.other, 'b')]);
    const [records] = await bench.run(Promise.all([follow, writing]));
    expect(records.map((record) => record.offset)).toEqual(
      Array.from({ length: 100 }, (_, index) => BigInt(index)),
    );
    expect(new Set(textsOf(records)).size).toBe(100);
  });

  test('a waiting read is woken by the append', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const base = await bench.append(shard, [recordOf('before')]);
    const reading = bench.take(shard, { from: base + 1n, count: 1, log: bench.other });
    await bench.append(shard, [recordOf('after')]);
    expect(textsOf(await bench.run(reading))).toEqual(['after']);
  });

  test('a waiting read runs no timer', async () => {
    const bench = theBench();
    const { clock } = bench.opened;
    // Where the clock is real there is nothing to count: see the test above.
    if (clock === undefined) return;
    const shard = bench.shard();
    const controller = new AbortController();
    const read = bench.log.read(shard, { from: 0n, signal: controller.signal });
    const chunk = read[Symbol.asyncIterator]().next();
    await clock.advance(1_000);
    const firedCount = clock.firedCount;
    await clock.advance(3_600_000);
    expect(clock.firedCount).toBe(firedCount);
    expect(clock.pendingCount).toBe(0);
    await bench.append(shard, [recordOf('woken')]);
    expect(textsOf((await bench.run(chunk)).value.records)).toEqual(['woken']);
    controller.abort();
  });

  test('a read beyond the end is out of range', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const base = await bench.append(shard, numbered(3));
    const fault = await bench.fault(bench.firstChunk(shard, base + 1_000n));
    expect(fault.reason).toBe('above-end');
  });

  test('a shard that is not there is missing to readers and in bounds', async () => {
    const bench = theBench();
    const [there, gone] = [bench.shard(), shardOf(`${bench.topic}-none`, 0)];
    const bounds = await bench.run(bench.log.bounds([there, gone]));
    expect(bounds.get(there)).toEqual({ start: 0n, end: 0n });
    expect((bounds.get(gone) as Fault).reason).toBe('missing');
    expect((await bench.fault(bench.firstChunk(gone, 0n))).reason).toBe('missing');
  });
}

function describeTrims(theBench: () => Bench): void {
  test('a trim drops what lies below it and nothing else', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const base = await bench.append(shard, numbered(10));
    await bench.run(bench.log.trim(shard, base + 4n));
    expect(await bench.boundsOf(shard, bench.other)).toEqual({ start: base + 4n, end: base + 10n });
    const records = await bench.take(shard, { from: base + 4n, count: 6 });
    expect(textsOf(records)).toEqual(['r4', 'r5', 'r6', 'r7', 'r8', 'r9']);
    const fault = await bench.fault(bench.firstChunk(shard, base + 3n));
    expect(fault.reason).toBe('below-start');
  });

  test('a trim below the start is nothing to do, above the end a Fault', async () => {
    const bench = theBench();
    const shard = bench.shard();
    const base = await bench.append(shard, numbered(5));
    await bench.run(bench.log.trim(shard, base + 3n));
    await bench.run(bench.log.trim(shard, base + 1n));
    await bench.run(bench.log.trim(shard, base + 3n));
    expect((await bench.fault(bench.log.trim(shard, base + 6n))).reason).toBe('above-end');
    expect(await bench.boundsOf(shard)).toEqual({ start: base + 3n, end: base + 5n });
    await bench.run(bench.log.trim(shard, base + 5n));
    expect(await bench.boundsOf(shard)).toEqual({ start: base + 5n, end: base + 5n });
    expect(await bench.append(shard, [recordOf('next')])).toBe(base + 5n);
  });
}

function describeTopics(theBench: () => Bench): void {
  test('a topic is ensured again and again, and grows', async () => {
    const bench = theBench();
    const name = `${bench.topic}-grown`;
    const durability = bench.opened.durability ?? 'replicated';
    const ensure = (partitions: number): Promise<{ readonly partitions: number }> =>
      bench.run(bench.log.ensureTopic({ name, partitions, durability }));
    expect(await ensure(2)).toEqual({ partitions: 2 });
    expect(await ensure(2)).toEqual({ partitions: 2 });
    await bench.append(shardOf(name, 1), [recordOf('kept')]);
    await bench.run(bench.log.growTopic(name, 4));
    expect(await ensure(2)).toEqual({ partitions: 4 });
    expect(await bench.append(shardOf(name, 3), [recordOf('new')])).toBe(0n);
    expect(textsOf(await bench.take(shardOf(name, 1), { from: 0n, count: 1 }))).toEqual(['kept']);
    const topics = await bench.run(bench.log.topics());
    expect(topics.find((topic) => topic.name === name)?.partitions).toBe(4);
  });

  test('a topic is checked, and not made by that', async () => {
    const bench = theBench();
    const durability = bench.opened.durability ?? 'replicated';
    const name = `${bench.topic}-checked`;
    const check = (): Promise<void> => bench.log.checkTopic({ name, partitions: 1, durability });
    expect((await bench.fault(check())).reason).toBe('missing');
    expect((await bench.run(bench.log.topics())).some((topic) => topic.name === name)).toBe(false);
    await bench.run(bench.log.ensureTopic({ name, partitions: 1, durability }));
    await bench.run(check());
  });

  test('the members of a group share all shards among them', async () => {
    const bench = theBench();
    const group = `${bench.topic}-group`;
    const controller = new AbortController();
    const logs = new Set([bench.log, bench.other]);
    const shares = new Map<EventLog, readonly Shard[]>();
    const isShared = (): boolean => {
      const all = [...shares.values()].flat();
      return (
        shares.size === logs.size &&
        all.length === partitionsOfSuite &&
        new Set(all).size === partitionsOfSuite &&
        [...shares.values()].every((share) => share.length > 0)
      );
    };
    const follow = async (log: EventLog): Promise<void> => {
      const { signal } = controller;
      for await (const share of log.assign(group, { topics: [bench.topic], signal })) {
        shares.set(log, share);
        if (isShared()) controller.abort();
      }
    };
    await bench.run(Promise.all([...logs].map(follow)));
    expect(isShared()).toBe(true);
  });
}

function describeSignals(theBench: () => Bench): void {
  test('a read ends when its signal fires, while it waits and before it begins', async () => {
    const bench = theBench();
    const shard = bench.shard();
    await bench.append(shard, numbered(3));
    const controller = new AbortController();
    const follow = async (): Promise<number> => {
      let count = 0;
      for await (const chunk of bench.log.read(shard, { from: 0n, signal: controller.signal })) {
        count += chunk.records.length;
        if (count === 3) setImmediate(() => controller.abort());
      }
      return count;
    };
    expect(await bench.run(follow())).toBe(3);
    expect(await bench.run(follow())).toBe(0);
  });

  test('a call whose signal has fired is aborted', async () => {
    const bench = theBench();
    const shard = bench.shard();
    await bench.append(shard, numbered(3));
    const signal = AbortSignal.abort();
    const spec = { name: bench.topic, partitions: 1, durability: 'replicated' } as const;
    const calls = [
      () => bench.log.bounds([shard], signal),
      () => bench.log.trim(shard, 1n, signal),
      () => bench.log.ensureTopic(spec, signal),
      () => bench.log.checkTopic(spec, signal),
      () => bench.log.growTopic(bench.topic, partitionsOfSuite + 1, signal),
      () => bench.log.topics(signal),
    ];
    for (const call of calls) expect((await bench.fault(call())).reason).toBe('aborted');
    expect((await bench.boundsOf(shard)).start).toBe(0n);
  });
}

// What every ObjectStore owes its callers. The suite opens one store and works below prefixes of its
// own, so that a bucket that is used again does not matter.

import { bytesOf, emptyBytes, equalBytes, present, textOf } from '@tidemark/std';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fault, isFault } from '../fault.ts';
import type { ObjectInfo, ObjectStore, PutOutcome } from '../object-store.ts';
import type { SimulatedClock } from './simulated-clock.ts';

export interface OpenedObjectStore extends AsyncDisposable {
  readonly store: ObjectStore;
  /** Another process's view of the same store, where the implementation allows one. */
  readonly secondHandle?: ObjectStore;
  /** The clock that the store waits on, where it is simulated. */
  readonly clock?: SimulatedClock;
  /** A server over a file tree: it lists folder by folder, as if `/` came before all else. */
  readonly listsByFolder?: boolean;
}

class Bench {
  readonly opened: OpenedObjectStore;
  readonly #suite = globalThis.crypto.randomUUID().slice(0, 8);
  #prefixes = 0;

  constructor(opened: OpenedObjectStore) {
    this.opened = opened;
  }

  get store(): ObjectStore {
    return this.opened.store;
  }

  get other(): ObjectStore {
    return this.opened.secondHandle ?? this.opened.store;
  }

  /** A prefix that no other test uses. */
  prefix(): string {
    this.#prefixes += 1;
    return `contract-${this.#suite}/${this.#prefixes}/`;
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.opened.clock?.runUntil(promise) ?? promise;
  }

  async put(key: string, body: Uint8Array | string): Promise<string> {
    const bytes = typeof body === 'string' ? bytesOf(body) : body;
    const outcome = await this.run(this.store.putIfAbsent(key, bytes));
    if (outcome.kind !== 'stored') throw new Error(`refused. key=${key}`);
    return outcome.etag;
  }

  async bodyOf(key: string): Promise<string | undefined> {
    const object = await this.run(this.other.get(key));
    return object && textOf(object.body);
  }

  listed(prefix: string): Promise<ObjectInfo[]> {
    const collect = async (): Promise<ObjectInfo[]> => {
      const infos: ObjectInfo[] = [];
      for await (const info of this.store.list(prefix)) infos.push(info);
      return infos;
    };
    return this.run(collect());
  }

  /** Many writes at once, by both handles in turn. */
  race(
    count: number,
    write: (store: ObjectStore, racer: number) => Promise<PutOutcome>,
  ): Promise<PutOutcome[]> {
    const racers = Array.from({ length: count }, (_, racer) =>
      write(racer % 2 === 0 ? this.store : this.other, racer),
    );
    return this.run(Promise.all(racers));
  }

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
}

const winnersOf = (outcomes: readonly PutOutcome[]): number[] =>
  outcomes.flatMap((outcome, racer) => (outcome.kind === 'stored' ? [racer] : []));

/** Every ObjectStore passes this suite. */
export function describeObjectStore(name: string, open: () => Promise<OpenedObjectStore>): void {
  describe(`${name} as an ObjectStore`, () => {
    let bench: Bench;
    const theBench = (): Bench => bench;

    beforeAll(async () => {
      bench = new Bench(await open());
    });
    afterAll(() => bench?.opened[Symbol.asyncDispose]());

    describeConditionalWrites(theBench);
    describeGets(theBench);
    describeLists(theBench);
    describeDeletes(theBench);
  });
}

function describeConditionalWrites(theBench: () => Bench): void {
  test('a put keeps the first body', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}a`;
    await bench.put(key, 'first');
    const second = await bench.run(bench.other.putIfAbsent(key, bytesOf('second')));
    expect(second).toEqual({ kind: 'refused' });
    expect(await bench.bodyOf(key)).toBe('first');
  });

  test('a body does not change with the buffer that it came from', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}a`;
    const body = bytesOf('first');
    await bench.put(key, body);
    body.fill(0);
    expect(await bench.bodyOf(key)).toBe('first');
  });

  test('a swap goes through while its etag is expected, and gives the next', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}a`;
    const first = await bench.put(key, 'one');
    const write = { expected: first, body: bytesOf('two') };
    const outcome = await bench.run(bench.store.compareAndSwap(key, write));
    const second = outcome.kind === 'stored' ? outcome.etag : '';
    expect(second).not.toBe(first);
    expect(await bench.run(bench.other.head(key))).toEqual({ key, etag: second, bytes: 3 });
    const stale = await bench.run(bench.other.compareAndSwap(key, write));
    expect(stale).toEqual({ kind: 'refused' });
    const third = { expected: second, body: bytesOf('three') };
    expect((await bench.run(bench.other.compareAndSwap(key, third))).kind).toBe('stored');
    expect(await bench.bodyOf(key)).toBe('three');
  });

  test('a swap of what is not there is refused', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}a`;
    const other = await bench.put(`${key}-other`, 'other');
    const write = { expected: other, body: bytesOf('x') };
    const outcome = await bench.run(bench.store.compareAndSwap(key, write));
    expect(outcome).toEqual({ kind: 'refused' });
    expect(await bench.bodyOf(key)).toBeUndefined();
  });

  test('of twenty racers on one put exactly one wins, with its body', async () => {
    const bench = theBench();
    const prefix = bench.prefix();
    for (let round = 0; round < 10; round += 1) {
      const key = `${prefix}${round}`;
      const outcomes = await bench.race(20, (store, racer) =>
        store.putIfAbsent(key, bytesOf(`racer ${racer}`)),
      );
      const winners = winnersOf(outcomes);
      expect(winners.length).toBe(1);
      expect(await bench.bodyOf(key)).toBe(`racer ${winners[0]}`);
    }
  });

  test('of twenty racers on one swap exactly one wins, with its body', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}a`;
    let expected = await bench.put(key, 'start');
    for (let round = 0; round < 10; round += 1) {
      const etag = expected;
      const outcomes = await bench.race(20, (store, racer) =>
        store.compareAndSwap(key, { expected: etag, body: bytesOf(`${round} racer ${racer}`) }),
      );
      const winners = winnersOf(outcomes);
      expect(winners.length).toBe(1);
      expect(await bench.bodyOf(key)).toBe(`${round} racer ${winners[0]}`);
      expected = present(await bench.run(bench.store.head(key)), 'object').etag;
    }
  });

  test('a body of 20 MiB is stored whole, once', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}large`;
    const body = new Uint8Array(20 * 1_024 * 1_024).map((_, index) => index % 251);
    const etag = await bench.put(key, body);
    const again = await bench.run(bench.other.putIfAbsent(key, body.subarray(1)));
    expect(again).toEqual({ kind: 'refused' });
    const object = present(await bench.run(bench.other.get(key)), 'object');
    expect(object.etag).toBe(etag);
    expect(equalBytes(object.body, body)).toBe(true);
    const swap = { expected: etag, body: body.subarray(7) };
    expect((await bench.run(bench.store.compareAndSwap(key, swap))).kind).toBe('stored');
    expect(await bench.run(bench.store.compareAndSwap(key, swap))).toEqual({ kind: 'refused' });
    expect((await bench.run(bench.store.head(key)))?.bytes).toBe(body.length - 7);
  });
}

function describeGets(theBench: () => Bench): void {
  test('what is not there is undefined', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}none`;
    expect(await bench.run(bench.store.get(key))).toBeUndefined();
    expect(await bench.run(bench.store.head(key))).toBeUndefined();
    const range = { firstByte: 0, endByte: 1 };
    expect(await bench.run(bench.store.getRange(key, range))).toBeUndefined();
  });

  test('get, head and a range tell the same etag', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}a`;
    const etag = await bench.put(key, 'abc');
    expect((await bench.run(bench.other.get(key)))?.etag).toBe(etag);
    expect(await bench.run(bench.other.head(key))).toEqual({ key, etag, bytes: 3 });
    const range = { firstByte: 1, endByte: 2 };
    expect((await bench.run(bench.other.getRange(key, range)))?.etag).toBe(etag);
  });

  test('a range gives the bytes of it that exist', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}a`;
    await bench.put(key, '0123456789');
    const cases = [
      [0, 1, '0'],
      [3, 6, '345'],
      [9, 10, '9'],
      [8, 1_000, '89'],
      [10, 20, ''],
      [500, 600, ''],
      [4, 4, ''],
      [0, 10, '0123456789'],
    ] as const;
    for (const [firstByte, endByte, expected] of cases) {
      const object = await bench.run(bench.store.getRange(key, { firstByte, endByte }));
      expect(textOf(present(object, 'object').body)).toBe(expected);
    }
  });

  test('an empty body is a body', async () => {
    const bench = theBench();
    const key = `${bench.prefix()}empty`;
    const etag = await bench.put(key, emptyBytes);
    expect((await bench.run(bench.store.get(key)))?.body.length).toBe(0);
    expect(await bench.run(bench.store.head(key))).toEqual({ key, etag, bytes: 0 });
    const range = { firstByte: 0, endByte: 5 };
    expect((await bench.run(bench.store.getRange(key, range)))?.body.length).toBe(0);
    expect(await bench.run(bench.store.putIfAbsent(key, bytesOf('x')))).toEqual({
      kind: 'refused',
    });
    const swap = { expected: etag, body: bytesOf('x') };
    expect((await bench.run(bench.store.compareAndSwap(key, swap))).kind).toBe('stored');
  });

  test('a call whose signal has fired is aborted and changes nothing', async () => {
    const bench = theBench();
    const prefix = bench.prefix();
    const key = `${prefix}a`;
    const etag = await bench.put(key, 'kept');
    const signal = AbortSignal.abort();
    const calls = [
      () => bench.store.putIfAbsent(`${prefix}b`, emptyBytes, signal),
      () => bench.store.compareAndSwap(key, { expected: etag, body: emptyBytes }, signal),
      () => bench.store.get(key, signal),
      () => bench.store.getRange(key, { firstByte: 0, endByte: 1 }, signal),
      () => bench.store.head(key, signal),
      () => bench.store.list(prefix, signal)[Symbol.asyncIterator]().next(),
      () => bench.store.deleteMany([key], signal),
    ];
    for (const call of calls) expect((await bench.fault(call())).reason).toBe('aborted');
    expect((await bench.listed(prefix)).map((info) => info.key)).toEqual([key]);
    expect(await bench.bodyOf(key)).toBe('kept');
  });
}

function describeLists(theBench: () => Bench): void {
  test('a list is in order by UTF-8 bytes and keeps to its prefix', async () => {
    const bench = theBench();
    const prefix = bench.prefix();
    const dash = bench.opened.listsByFolder ? [] : ['b-c'];
    const names = ['A', 'Z', 'a', ...dash, 'b/c', 'b/d/e', 'b0', 'é', '\uffee', '\u{1f600}'];
    const others = [`${prefix.slice(0, -1)}0/x`, `${prefix.slice(0, -1)}-x`];
    for (const name of [...names].reverse()) await bench.put(`${prefix}${name}`, name);
    for (const other of others) await bench.put(other, 'other');
    const listed = await bench.listed(prefix);
    expect(listed.map((info) => info.key)).toEqual(names.map((name) => `${prefix}${name}`));
    for (const info of listed) expect(await bench.run(bench.store.head(info.key))).toEqual(info);
    const below = await bench.listed(`${prefix}b`);
    const expected = [...dash, 'b/c', 'b/d/e', 'b0'].map((name) => `${prefix}${name}`);
    expect(below.map((info) => info.key)).toEqual(expected);
    expect(await bench.listed(`${prefix}none`)).toEqual([]);
  });

  test('a list and a delete go beyond one page of a thousand', async () => {
    const bench = theBench();
    const prefix = bench.prefix();
    const keys = Array.from(
      { length: 1_100 },
      (_, index) => `${prefix}${String(index).padStart(5, '0')}`,
    );
    for (let at = 0; at < keys.length; at += 50) {
      const puts = keys.slice(at, at + 50).map((key) => bench.store.putIfAbsent(key, bytesOf('x')));
      await bench.run(Promise.all(puts));
    }
    expect((await bench.listed(prefix)).map((info) => info.key)).toEqual(keys);
    await bench.run(bench.store.deleteMany(keys.slice(0, 1_050)));
    expect((await bench.listed(prefix)).map((info) => info.key)).toEqual(keys.slice(1_050));
  });
}

function describeDeletes(theBench: () => Bench): void {
  test('a delete takes what is there and passes over what is not', async () => {
    const bench = theBench();
    const prefix = bench.prefix();
    await bench.put(`${prefix}a`, 'a');
    await bench.put(`${prefix}b`, 'b');
    await bench.run(bench.store.deleteMany([`${prefix}a`, `${prefix}none`]));
    await bench.run(bench.store.deleteMany([]));
    expect(await bench.bodyOf(`${prefix}a`)).toBeUndefined();
    expect(await bench.bodyOf(`${prefix}b`)).toBe('b');
    expect(await bench.bodyOf(`${prefix}none`)).toBeUndefined();
    await bench.put(`${prefix}a`, 'again');
    expect(await bench.bodyOf(`${prefix}a`)).toBe('again');
  });
}

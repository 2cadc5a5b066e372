// Tables answer as one sorted map of all that was written, whatever runs and blocks it lies in, and
// never with what they do not hold.

import { SeededPrng, SimulatedClock, SimulatedObjectStore } from '@tidemark/ports/testing';
import { bytesOf, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry } from './block.ts';
import { lookUp, planCompaction, scan, scanBack, type TableRun, writeRun } from './table-runs.ts';
import { TableStore } from './table-store.ts';
import type { TableRef } from './table-writer.ts';

const { signal } = new AbortController();

function openStore(cacheBytesMax = 1_000_000) {
  const clock = new SimulatedClock();
  const prng = new SeededPrng(1);
  const store = new SimulatedObjectStore({ clock, prng, instant: true });
  const objects = store.connect('one');
  let names = 0;
  const write = (entries: readonly Entry[]): Promise<TableRun> => {
    const nameOf = (): string => {
      names += 1;
      return `tables/${names}`;
    };
    return writeRun(objects, entries, { nameOf, rest: () => Promise.resolve(), signal });
  };
  return { objects, write, tables: new TableStore(objects, { cacheBytesMax }) };
}

const entryOf = ([key, value]: readonly [string, string | undefined]): Entry => ({
  key: bytesOf(key),
  value: value === undefined ? undefined : bytesOf(value),
});

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

const byKey = (one: Entry, other: Entry): number => Buffer.compare(one.key, other.key);

/** Of random keys, and so many of them that they fill several blocks. */
const written = fc
  .dictionary(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
    fc.option(fc.string({ maxLength: 2_000 }), { nil: undefined }),
    { maxKeys: 60 },
  )
  .map((entries) => Object.entries(entries));

test('runs say of every key what the newest says that speaks of it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(written, { minLength: 1, maxLength: 5 }), async (newestFirst) => {
      const { write, tables } = openStore();
      const runs: TableRun[] = [];
      const model = new Map<string, string | undefined>();
      for (const entries of newestFirst.toReversed()) {
        for (const [key, value] of entries) model.set(key, value);
        if (entries.length > 0) runs.unshift(await write(entries.map(entryOf).sort(byKey)));
      }
      const asked = [...model.keys(), 'never written'];
      const keys = asked.map(bytesOf);
      const found = await lookUp(tables, { runs, keys }, signal);
      for (const [index, key] of asked.entries()) {
        const value = found.get(keys[index] as Uint8Array);
        expect(value === undefined ? undefined : textOf(value)).toBe(model.get(key));
      }
      const scanned: [string, string][] = [];
      for await (const { key, value } of scan(tables, { runs, from: new Uint8Array(0) }, signal)) {
        scanned.push([textOf(key), textOf(value as Uint8Array)]);
      }
      const expected = [...model]
        .filter((entry): entry is [string, string] => entry[1] !== undefined)
        .sort(([one], [other]) => Buffer.compare(bytesOf(one), bytesOf(other)));
      expect(scanned).toEqual(expected);
      const backwards: string[] = [];
      const middle = expected[expected.length >> 1]?.[0];
      const before = bytesOf(middle ?? '\u{10ffff}');
      for await (const { key } of scanBack(tables, { runs, before }, signal)) {
        backwards.push(textOf(key));
      }
      const lower = expected.slice(0, middle === undefined ? undefined : expected.length >> 1);
      expect(backwards).toEqual(lower.map(([key]) => key).reverse());
    }),
    { numRuns: 60 },
  );
});

const many = (count: number, valueBytes = 40): Entry[] =>
  Array.from({ length: count }, (_, index) =>
    entryOf([`key ${String(index).padStart(8, '0')}`, `${index}`.padEnd(valueBytes, '.')]),
  );

test('a run of many blocks is found from end to end', async () => {
  const { write, tables } = openStore();
  const entries = many(20_000);
  const runs = [await write(entries)];
  const keys = entries.map(({ key }) => key);
  const found = await lookUp(tables, { runs, keys }, signal);
  expect(found.size).toBe(20_000);
  for (const { key, value } of entries) expect(hex(found.get(key))).toBe(hex(value));
  let at = 15_000;
  const before = keys[at] as Uint8Array;
  for await (const { key } of scanBack(tables, { runs, before }, signal)) {
    at -= 1;
    expect(hex(key)).toBe(hex(keys[at]));
  }
  expect(at).toBe(0);
});

describe('a cold look-up', () => {
  test('costs one request for the end of the table and one for the block', async () => {
    const { write, objects, tables } = openStore();
    const entries = many(20_000);
    const runs = [await write(entries)];
    let requests = 0;
    const getRange = objects.getRange.bind(objects);
    objects.getRange = (...args) => {
      requests += 1;
      return getRange(...args);
    };
    await lookUp(tables, { runs, keys: [entries[12_345]?.key as Uint8Array] }, signal);
    expect(requests).toBe(2);
    await lookUp(tables, { runs, keys: [entries[3]?.key as Uint8Array] }, signal);
    expect(requests).toBe(3);
    await lookUp(tables, { runs, keys: [entries[3]?.key as Uint8Array] }, signal);
    expect(requests).toBe(3);
  });

  test('of what is not there costs the end of the table, nearly always', async () => {
    const { write, objects, tables } = openStore();
    const runs = [await write(many(20_000))];
    let requests = 0;
    const getRange = objects.getRange.bind(objects);
    objects.getRange = (...args) => {
      requests += 1;
      return getRange(...args);
    };
    const keys = Array.from({ length: 1_000 }, (_, index) => bytesOf(`key 0000${index}x`));
    for (const key of keys) await lookUp(tables, { runs, keys: [key] }, signal);
    expect(requests).toBeLessThan(60);
  });
});

test('any byte that is not what was written is told, and never an answer', async () => {
  const { write, objects, tables } = openStore();
  const entries = many(200);
  const [table] = await write(entries);
  const { body } = (await objects.get(table?.name ?? '')) ?? { body: new Uint8Array(0) };
  const keys = entries.map(({ key }) => key);
  const right = new Map(entries.map(({ key, value }) => [key, value]));
  for (let at = 0; at < body.length; at += 7) {
    const broken = Uint8Array.from(body);
    broken[at] = (broken[at] as number) ^ 0x10;
    const name = `broken/${at}`;
    await objects.putIfAbsent(name, broken);
    const runs = [[{ ...(table as NonNullable<typeof table>), name }]];
    const told = await lookUp(tables, { runs, keys }, signal).catch((cause: unknown) => cause);
    if (told instanceof Map) {
      for (const [key, value] of told) expect(hex(value)).toBe(hex(right.get(key)));
      expect(told.size).toBe(keys.length);
    } else {
      expect(told).toMatchObject({ code: 'corrupt' });
    }
  }
});

test('runs of about one size become one, and a large old one is left alone', () => {
  const run = (bytes: number): TableRun => [
    { name: '', bytes, metaStart: 0, entries: 1, first: '', last: '' },
  ];
  const small = Array.from({ length: 12 }, () => run(1_000));
  expect(planCompaction(small.slice(1))).toBe(0);
  expect(planCompaction(small)).toBe(12);
  expect(planCompaction([...small, run(1_000_000)])).toBe(12);
  expect(planCompaction([...small.slice(1), run(1_000_000)])).toBe(0);
});

test('what is read stays within the budget of the cache', async () => {
  const { write, tables } = openStore(200_000);
  const entries = many(20_000);
  const runs = [await write(entries)];
  for (let index = 0; index < 20_000; index += 97) {
    await lookUp(tables, { runs, keys: [entries[index]?.key as Uint8Array] }, signal);
    expect(tables.cachedBytes).toBeLessThanOrEqual(200_000);
  }
});

test('a range of keys is what lies in it, and costs two rounds of requests', async () => {
  const { write, objects, tables } = openStore();
  const entries = many(20_000);
  const [table] = await write(entries);
  let requests = 0;
  const getRange = objects.getRange.bind(objects);
  objects.getRange = (...args) => {
    requests += 1;
    return getRange(...args);
  };
  const range = { from: bytesOf('key 00007'), end: bytesOf('key 000085') };
  const found = await tables.range(table as NonNullable<typeof table>, range, signal);
  expect(found.map(({ key }) => textOf(key))).toEqual(
    entries.slice(7_000, 8_500).map(({ key }) => textOf(key)),
  );
  expect(requests).toBe(2);
});

test('whoever wants the next few entries reads a block of each table, and more the farther it goes', async () => {
  const { write, objects, tables } = openStore();
  const entries = many(20_000);
  const runs = [await write(entries)];
  const [table] = runs[0] as TableRun;
  const from = bytesOf('key 00010000');
  await lookUp(tables, { runs, keys: [from] }, signal);
  const cachedBytes = tables.cachedBytes;
  const read: number[] = [];
  const getRange = objects.getRange.bind(objects);
  objects.getRange = (key, range, ...rest) => {
    read.push(range.endByte - range.firstByte);
    return getRange(key, range, ...rest);
  };
  for await (const entry of tables.entries(table as TableRef, { from }, signal)) {
    expect(textOf(entry.key)).toBe('key 00010000');
    break;
  }
  // The block of the look-up.
  expect(read).toEqual([]);
  let count = 0;
  for await (const _ of scan(tables, { runs, from }, signal)) count += 1;
  expect(count).toBe(10_000);
  expect(read.length).toBeLessThan(6);
  expect(read[1]).toBeGreaterThan(read[0] as number);
  expect(tables.cachedBytes).toBeGreaterThan(cachedBytes);
});

test('what is read once leaves nothing in the cache', async () => {
  const { write, tables } = openStore();
  const runs = [await write(many(20_000))];
  await lookUp(tables, { runs, keys: [bytesOf('key 00010000')] }, signal);
  const { cachedBytes } = tables;
  let count = 0;
  const all = scan(tables, { runs, from: new Uint8Array(0), isOnce: true }, signal);
  for await (const _ of all) count += 1;
  expect(count).toBe(20_000);
  expect(tables.cachedBytes).toBe(cachedBytes);
  const [table] = runs[0] as TableRun;
  const range = { from: bytesOf('key 00000000'), end: bytesOf('key 00005000'), isOnce: true };
  expect(await tables.range(table as TableRef, range, signal)).toHaveLength(5_000);
  expect(tables.cachedBytes).toBe(cachedBytes);
  const keys = [bytesOf('key 00000000'), bytesOf('key 00019999')];
  const few = await tables.lookUp(table as TableRef, { keys, keptBytesMax: 100 }, signal);
  expect(few.size).toBe(2);
  expect(tables.cachedBytes).toBe(cachedBytes);
  await tables.lookUp(table as TableRef, { keys }, signal);
  expect(tables.cachedBytes).toBeGreaterThan(cachedBytes);
});

test('a large entry has a block of its own, so that its neighbours stay cheap', async () => {
  const { write, objects, tables } = openStore();
  const large = Buffer.from(Array.from({ length: 200_000 }, (_, at) => Math.imul(at, at) >>> 7));
  const entries = [...many(10), { key: bytesOf('key 00000003 large'), value: large }].sort(byKey);
  const runs = [await write(entries)];
  const read: number[] = [];
  const getRange = objects.getRange.bind(objects);
  objects.getRange = (key, range, ...rest) => {
    read.push(range.endByte - range.firstByte);
    return getRange(key, range, ...rest);
  };
  const found = await lookUp(tables, { runs, keys: [bytesOf('key 00000003')] }, signal);
  expect(found.size).toBe(1);
  expect(Math.max(...read)).toBeLessThan(2_000);
  const [value] = (
    await lookUp(tables, { runs, keys: [bytesOf('key 00000003 large')] }, signal)
  ).values();
  expect(hex(value)).toBe(hex(large));
});

import { describe, expect, test } from 'vitest';
import { ShardIndex } from './shard-index.ts';

describe('ShardIndex', () => {
  const filled = (count: number): ShardIndex => {
    const index = new ShardIndex();
    for (let entry = 0; entry < count; entry += 1) {
      const place = { fileNumber: 1, position: entry * 100, bytes: 100 };
      index.push({ baseOffset: entry * 3, recordCount: 3, ...place });
    }
    return index;
  };

  test('finds the entry that holds an offset', () => {
    const index = filled(1_000);
    expect(index.indexOf(0)).toBe(0);
    expect(index.indexOf(2)).toBe(0);
    expect(index.indexOf(3)).toBe(1);
    expect(index.indexOf(2_999)).toBe(999);
    expect(index.at(999).position).toBe(99_900);
    expect(new ShardIndex().indexOf(0)).toBe(-1);
  });

  test('forgets whole entries only, and goes on growing', () => {
    const index = filled(100);
    const dropped: number[] = [];
    index.dropBelow(151, ({ baseOffset }) => dropped.push(baseOffset));
    expect([dropped.length, dropped.at(-1)]).toEqual([50, 147]);
    expect([index.size, index.at(0).baseOffset]).toEqual([50, 150]);
    expect(index.indexOf(149)).toBe(-1);
    index.dropBelow(153, () => undefined);
    expect([index.size, index.at(0).baseOffset]).toEqual([49, 153]);
    for (let entry = 100; entry < 400; entry += 1) {
      const place = { fileNumber: 2, position: 0, bytes: 1 };
      index.push({ baseOffset: entry * 3, recordCount: 3, ...place });
    }
    expect(index.at(index.indexOf(1_199)).baseOffset).toBe(1_197);
    expect(index.at(0).baseOffset).toBe(153);
    index.dropBelow(1_200, () => undefined);
    expect(index.size).toBe(0);
  });

  const placeOf = (entry: number, fileNumber: number) => {
    return { baseOffset: entry * 3, recordCount: 3, fileNumber, position: entry, bytes: 1 };
  };

  test('what was moved on takes its place, the later of two, and nothing below the start', () => {
    const index = new ShardIndex();
    for (let entry = 5; entry < 8; entry += 1) index.push(placeOf(entry, 3));
    for (const [entry, file] of [
      [3, 4],
      [1, 4],
      [2, 4],
      [4, 4],
      [3, 5],
      [0, 5],
    ] as const) {
      index.add(placeOf(entry, file));
    }
    expect(index.covers(6, 24)).toBe(false);
    const placed: number[] = [];
    index.settle(6, ({ baseOffset }) => placed.push(baseOffset));
    expect(placed.sort((one, other) => one - other)).toEqual([6, 9, 12]);
    expect([index.size, index.find(9)?.fileNumber]).toEqual([6, 5]);
    expect([index.covers(6, 24), index.covers(5, 24), index.covers(6, 25)]).toEqual([
      true,
      false,
      false,
    ]);
    index.replace(placeOf(6, 9));
    expect([...index.placesIn(9)]).toEqual([placeOf(6, 9)]);
    expect(index.find(19)).toBeUndefined();
  });
});

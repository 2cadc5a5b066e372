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
    index.dropBelow(151);
    expect([index.size, index.at(0).baseOffset]).toEqual([50, 150]);
    expect(index.indexOf(149)).toBe(-1);
    index.dropBelow(153);
    expect([index.size, index.at(0).baseOffset]).toEqual([49, 153]);
    for (let entry = 100; entry < 400; entry += 1) {
      const place = { fileNumber: 2, position: 0, bytes: 1 };
      index.push({ baseOffset: entry * 3, recordCount: 3, ...place });
    }
    expect(index.at(index.indexOf(1_199)).baseOffset).toBe(1_197);
    expect(index.at(0).baseOffset).toBe(153);
    index.dropBelow(1_200);
    expect(index.size).toBe(0);
  });
});

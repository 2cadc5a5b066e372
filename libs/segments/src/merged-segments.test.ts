import { expect, test } from 'vitest';
import { planMerge } from './merged-segments.ts';
import type { SegmentRef } from './segment-manifest.ts';

const mebibyte = 1_024 * 1_024;

const segments = (count: number, size: Pick<SegmentRef, 'bytes' | 'rawBytes'>): SegmentRef[] =>
  Array.from({ length: count }, (_, at) => ({
    ...size,
    name: `${at}`,
    firstOffset: at,
    endOffset: at + 1,
    footerStart: 0,
    events: 1,
    firstMs: 0,
    lastMs: 0,
  }));

const namesOf = (planned: readonly SegmentRef[]): string =>
  planned.map(({ name }) => name).join(' ');

test('eight neighbours of about one size become one, the smallest first', () => {
  const small = segments(10, { bytes: 10_000, rawBytes: 60_000 });
  const large = segments(9, { bytes: 2 * mebibyte, rawBytes: 12 * mebibyte });
  expect(namesOf(planMerge([...large, ...small], 80 * mebibyte))).toBe('0 1 2 3 4 5 6 7');
  expect(planMerge([...large, ...small], 80 * mebibyte)[0]?.bytes).toBe(10_000);
  expect(planMerge(small.slice(3), 80 * mebibyte)).toEqual([]);
});

test('what is held for a merge is what is stored, whatever it is when it is decoded', () => {
  const plain = segments(8, { bytes: 2 * mebibyte, rawBytes: 12 * mebibyte });
  expect(planMerge(plain, 80 * mebibyte)).toHaveLength(8);
  const dense = segments(8, { bytes: 11 * mebibyte, rawBytes: 12 * mebibyte });
  expect(planMerge(dense, 80 * mebibyte)).toEqual([]);
});

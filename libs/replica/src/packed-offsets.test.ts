import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packOffsets, unpackOffsets } from './packed-offsets.ts';

test('offsets come back as they were packed, however far apart', () => {
  fc.assert(
    fc.property(
      fc.nat(2 ** 31),
      fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2 ** 40 })), { maxLength: 80 }),
      (first, gaps) => {
        const offsets = [first];
        for (const gap of gaps) offsets.push((offsets.at(-1) as number) + gap);
        expect(unpackOffsets(packOffsets(offsets))).toEqual(offsets);
      },
    ),
  );
});

test('offsets next to one another take no bytes', () => {
  const offsets = Array.from({ length: 4_096 }, (_, index) => 1_000_000 + index);
  expect(packOffsets(offsets).deltas.length).toBe(0);
});

test('a few sessions in turn cost a byte an event', () => {
  const offsets = Array.from({ length: 1_000 }, (_, index) => 1_000_000 + index * 100);
  expect(packOffsets(offsets).deltas.length).toBe(999);
});

test('bytes that end too soon are refused', () => {
  const packed = packOffsets([1, 5, 9]);
  expect(() => unpackOffsets({ ...packed, deltas: packed.deltas.subarray(1) })).toThrow(RangeError);
});

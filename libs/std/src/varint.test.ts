import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  unsignedVarintBytes,
  VarintReader,
  varintBytes,
  writeUnsignedVarint,
  writeVarint,
} from './varint.ts';

test('reads back any 32-bit integer, in as many bytes as were foretold', () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      const target = new Uint8Array(8);
      const end = writeVarint(target, 0, value);
      expect(end).toBe(varintBytes(value));
      const reader = new VarintReader(target.subarray(0, end));
      expect(reader.next()).toBe(value);
      expect(reader.at).toBe(end);
    }),
  );
});

test('throws on what is cut short', () => {
  expect(() => new VarintReader(Uint8Array.of(0x80)).next()).toThrow(RangeError);
  expect(() => new VarintReader(Uint8Array.of(1, 2)).take(3)).toThrow(RangeError);
});

test('reads back any safe integer unsigned, in as many bytes as were foretold', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const target = new Uint8Array(8);
      const end = writeUnsignedVarint(target, 0, value);
      expect(end).toBe(unsignedVarintBytes(value));
      const reader = new VarintReader(target.subarray(0, end));
      expect(reader.nextUnsigned()).toBe(value);
      expect(reader.at).toBe(end);
    }),
  );
});

test('an unsigned varint that runs past the end, or beyond a safe integer, is refused', () => {
  expect(() => new VarintReader(Uint8Array.of(0x80)).nextUnsigned()).toThrow(RangeError);
  const endless = new Uint8Array(9).fill(0x80);
  expect(() => new VarintReader(endless).nextUnsigned()).toThrow(RangeError);
});

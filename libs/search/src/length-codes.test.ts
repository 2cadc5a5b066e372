import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOfLength, DocumentLengths, leastLengthOf, noLengthCode } from './length-codes.ts';

const length = fc.oneof(fc.nat(300), fc.nat(70_000), fc.nat(2 ** 31 - 1));

test('a code stands for lengths that are not much longer than its shortest', () => {
  fc.assert(
    fc.property(length, (given) => {
      const code = codeOfLength(given);
      const least = leastLengthOf(code);
      expect(code).toBeLessThan(noLengthCode);
      expect(least).toBeLessThanOrEqual(given);
      if (given < 65_536) expect(given).toBeLessThanOrEqual(least + least / 16);
      expect(codeOfLength(least)).toBe(code);
      expect(codeOfLength(given + 1)).toBeGreaterThanOrEqual(code);
    }),
  );
});

test('lengths are kept as they are, in two bytes where that is enough', () => {
  fc.assert(
    fc.property(fc.array(fc.array(length, { maxLength: 5 })), (pages) => {
      const all = pages.flat();
      const lengths = new DocumentLengths(all.length);
      let start = 0;
      for (const page of pages) {
        lengths.set(page, start);
        start += page.length;
      }
      expect([...lengths.values]).toEqual(all);
      expect([...lengths.codes]).toEqual(all.map(codeOfLength));
      const isWide = all.some((given) => given > 0xffff);
      expect(lengths.costBytes).toBe(all.length * (isWide ? 5 : 3));
    }),
  );
});

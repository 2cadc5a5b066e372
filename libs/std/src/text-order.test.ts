import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareText } from './text-order.ts';

test('texts have the order of their bytes', () => {
  const text = fc.string({ unit: 'binary', maxLength: 6 });
  fc.assert(
    fc.property(text, text, (one, other) => {
      const bytes = Buffer.compare(Buffer.from(one), Buffer.from(other));
      expect(Math.sign(compareText(one, other))).toBe(bytes);
    }),
    { numRuns: 2_000, examples: [['\u{10000}', '\uffff'] as const, ['a', 'a\u0000'] as const] },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Arena } from './arena.ts';
import { bytesOf, concatBytes } from './bytes.ts';

test('pieces are what was put into them, whatever is taken afterwards', () => {
  const parts = fc.record({
    text: fc.string({ unit: 'grapheme', maxLength: 3_000 }),
    size: fc.nat(6_000),
  });
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 30 }), (wanted) => {
      const arena = new Arena();
      const pieces = wanted.map(({ text, size }, index) => {
        const rest = new Uint8Array(size).fill(index + 1);
        const taken = arena.take(size);
        expect(taken.every((byte) => byte === 0)).toBe(true);
        taken.set(rest);
        return { text, rest, taken, joined: arena.join(text, rest) };
      });
      for (const { text, rest, taken, joined } of pieces) {
        expect(taken).toEqual(rest);
        expect(joined).toEqual(concatBytes([bytesOf(text), rest]));
      }
    }),
    { numRuns: 50 },
  );
});

test('what is small shares memory, what is large has its own', () => {
  const arena = new Arena();
  expect(arena.take(100).buffer).toBe(arena.join('a', new Uint8Array(100)).buffer);
  expect(arena.take(5_000).buffer.byteLength).toBe(5_000);
  expect(arena.join('a', new Uint8Array(5_000)).buffer.byteLength).toBe(5_001);
});

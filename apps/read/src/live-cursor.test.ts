import fc from 'fast-check';
import { expect, test } from 'vitest';
import { liveCursor } from './live-cursor.ts';

const epochMs = 1_728_432_000_000;

test('the cursor is the number of the interval of twenty seconds', () => {
  expect(liveCursor(epochMs, () => 0, undefined)).toBe('0');
  expect(liveCursor(epochMs + 19_999, () => 0, undefined)).toBe('0');
  expect(liveCursor(epochMs + 20_000, () => 0, '0')).toBe('1');
});

test('it moves past whatever the client saw, by up to an hour', () => {
  fc.assert(
    fc.property(
      fc.nat(10_000_000),
      fc.nat(1_000_000),
      fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      (seen, seconds, random) => {
        const next = Number(liveCursor(epochMs + seconds * 1_000, () => random, String(seen)));
        expect(next).toBeGreaterThan(seen);
        expect(next).toBeLessThanOrEqual(Math.max(seen + 180, Math.floor(seconds / 20)));
      },
    ),
  );
});

test('what is no cursor counts as none', () => {
  for (const seen of ['', 'x', '-1', '1e9', '9'.repeat(16), '../..']) {
    expect(liveCursor(epochMs + 40_000, () => 0.5, seen)).toBe('2');
  }
});

import { expect, test } from 'vitest';
import { Window, type WindowBounds } from './window.ts';

const bounds: WindowBounds = { entriesMin: 2, entriesMax: 4, windowMs: 100, bytesMax: 20 };

const keysOf = (window: Window<{ timeMs: number }>): string[] =>
  [...window.entries()].map(([key]) => key);

function filled(entries: readonly (readonly [string, number])[]): Window<{ timeMs: number }> {
  const window = new Window<{ timeMs: number }>();
  for (const [key, timeMs] of entries) window.set(key, { timeMs }, bounds);
  return window;
}

test('keeps so many whatever their age, and all that are young', () => {
  expect(
    keysOf(
      filled([
        ['a', 0],
        ['b', 900],
      ]),
    ),
  ).toEqual(['a', 'b']);
  expect(
    keysOf(
      filled([
        ['a', 0],
        ['b', 1],
        ['c', 100],
      ]),
    ),
  ).toEqual(['a', 'b', 'c']);
  expect(
    keysOf(
      filled([
        ['a', 0],
        ['b', 1],
        ['c', 101],
      ]),
    ),
  ).toEqual(['b', 'c']);
});

test('keeps at most so many, however young: the oldest go first', () => {
  const four = [
    ['a', 0],
    ['b', 0],
    ['c', 0],
    ['d', 0],
  ] as const;
  expect(keysOf(filled(four))).toEqual(['a', 'b', 'c', 'd']);
  expect(keysOf(filled([...four, ['e', 0]]))).toEqual(['b', 'c', 'd', 'e']);
  expect(keysOf(filled([...four, ['a', 0], ['e', 0]]))).toEqual(['c', 'd', 'a', 'e']);
});

test('keeps at most so many bytes of keys', () => {
  const [one, other] = ['x'.repeat(12), 'y'.repeat(8)];
  expect(
    keysOf(
      filled([
        [one, 0],
        [other, 0],
      ]),
    ),
  ).toEqual([one, other]);
  expect(
    keysOf(
      filled([
        [one, 0],
        [other, 0],
        ['z', 0],
      ]),
    ),
  ).toEqual([other, 'z']);
  expect(
    keysOf(
      filled([
        [one, 0],
        ['w'.repeat(21), 0],
      ]),
    ),
  ).toEqual([]);
});

test('forgets the same when it was restored half-way', () => {
  const entries = ['x'.repeat(9), 'y'.repeat(9), 'zz', 'w'].map((key) => [key, 0] as const);
  const whole = filled(entries);
  const restored = Window.of(filled(entries.slice(0, 2)).entries());
  for (const [key, timeMs] of entries.slice(2)) restored.set(key, { timeMs }, bounds);
  expect(keysOf(restored)).toEqual(keysOf(whole));
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cursorTag, cursorText, isStart, parseCursor } from './cursor.ts';

const position = fc.nat({ max: 2 ** 40 });

test('a cursor reads back, and sorts as its position does', () => {
  fc.assert(
    fc.property(position, position, (one, other) => {
      const tag = cursorTag('tenant', 'session', 'incarnation');
      const [first, second] = [cursorText(one, tag), cursorText(other, tag)];
      expect(parseCursor(first)).toEqual({ position: one, tag });
      expect(first < second).toBe(one < other);
    }),
  );
});

test('another tenant, session or incarnation has another tag', () => {
  const tags = [
    cursorTag('a', 'b', 'c'),
    cursorTag('b', 'b', 'c'),
    cursorTag('a', 'c', 'c'),
    cursorTag('a', 'b', 'd'),
    cursorTag('a\nb', '', 'c'),
  ];
  expect(new Set(tags).size).toBe(tags.length);
});

test.each([
  '',
  '0',
  '1_2',
  '0000000000000001_ABCDEF01',
  '-1',
  '99999999999999999_00000000',
  '0000000000000001_0000000g',
])('refuses %j', (text) => {
  expect(() => parseCursor(text)).toThrow('malformed');
});

test('the beginning is -1, and what other servers write for it', () => {
  expect(isStart('-1')).toBe(true);
  expect(isStart('0000000000000000_0000000000000000')).toBe(true);
  expect(isStart('0000000000000000_00000001')).toBe(false);
});

import { expect, test } from 'vitest';
import { matchesPattern } from './subscription-pattern.ts';

test.each([
  ['events/*', 'events/a', true],
  ['events/*', 'events', false],
  ['events/*', 'events/a/b', false],
  ['events/*', 'other/a', false],
  ['*', 'a', true],
  ['*', 'a/b', false],
  ['**', 'a', true],
  ['**', 'a/b/c', true],
  ['a/**', 'a', true],
  ['a/**', 'a/b/c', true],
  ['a/**', 'b/a', false],
  ['**/z', 'z', true],
  ['**/z', 'a/b/z', true],
  ['**/z', 'a/z/b', false],
  ['a/**/z', 'a/z', true],
  ['a/**/z', 'a/b/c/z', true],
  ['a/**/z', 'a/b/c', false],
  ['a/**/b/**/c', 'a/x/b/y/b/c', true],
  ['a/**/b/*/c', 'a/b/b/x/c', true],
  ['a/**/b/*/c', 'a/b/c', false],
  ['a.c', 'abc', false],
  ['a*', 'ab', false],
])('%s over %s is %s', (pattern, path, expected) => {
  expect(matchesPattern(pattern, path)).toBe(expected);
});

test('many double stars over a long path end at once', () => {
  const pattern = `${'**/a/'.repeat(200)}z`;
  expect(matchesPattern(pattern, 'a/'.repeat(400).concat('b'))).toBe(false);
});

import { describe, expect, test } from 'vitest';
import { limits } from './limits.ts';
import { parseStreamPath, parseTenantId } from './names.ts';

describe('parseStreamPath', () => {
  test('decodes each segment once and keeps slashes', () => {
    expect(parseStreamPath('a/b%20c/%C3%BC')).toBe('a/b c/ü');
    expect(parseStreamPath('a%2Fb')).toBe('a/b');
    expect(parseStreamPath('100%2525')).toBe('100%25');
  });

  test.each([
    ['an empty name', ''],
    ['an empty segment', 'a//b'],
    ['a trailing slash', 'a/'],
    ['a dot segment', 'a/./b'],
    ['a parent segment', 'a/../b'],
    ['an encoded parent segment', 'a/%2e%2e/b'],
    ['a parent behind an encoded slash', 'a%2f..'],
    ['a zero byte', 'a%00'],
    ['a line feed', 'a%0d%0ab'],
    ['a broken escape', 'a%zz'],
    ['bytes that are not UTF-8', 'a%ff'],
    ['a reserved name', '$directory'],
    ['an encoded reserved name', '%24shard'],
    ['the reserved prefix', '__ds/subscriptions/a'],
  ])('refuses %s', (_, path) => {
    expect(() => parseStreamPath(path)).toThrow(/segment|bytes|percent|reserved/);
  });

  test('takes a name of exactly the limit, in bytes', () => {
    expect(parseStreamPath('a'.repeat(limits.nameBytesMax))).toHaveLength(limits.nameBytesMax);
    expect(() => parseStreamPath('a'.repeat(limits.nameBytesMax + 1))).toThrow('bytes');
    expect(() => parseStreamPath('ü'.repeat(limits.nameBytesMax / 2 + 1))).toThrow('bytes');
  });
});

test('a tenant is a short lower-case word', () => {
  expect(parseTenantId('acme-1')).toBe('acme-1');
  for (const text of ['', 'A', 'a_b', 'a'.repeat(41), '../a']) {
    expect(() => parseTenantId(text)).toThrow('tenant');
  }
});

import { describe, expect, test } from 'vitest';
import { appendOutcomeOf, faultOf, isLeadershipError } from './errors.ts';

describe('appendOutcomeOf', () => {
  test('tells the base offset and the tenure', () => {
    expect(appendOutcomeOf(0, 7n, '1:2:3')).toEqual({
      kind: 'committed',
      baseOffset: 7n,
      tenure: '1:2:3',
    });
  });

  // Every code a broker has; -1 is its own "unknown error".
  const codes = Array.from({ length: 140 }, (_, index) => index - 1).filter((code) => code !== 0);

  test('takes seven codes, and no other, for a proof that nothing was written', () => {
    const refusals = codes.filter(
      (code) => appendOutcomeOf(code, -1n, '').kind === 'not-committed',
    );
    expect(refusals).toEqual([2, 10, 18, 19, 29, 32, 87]);
    const others = codes.filter((code) => !refusals.includes(code));
    expect(others.every((code) => appendOutcomeOf(code, 5n, '').kind === 'unknown')).toBe(true);
  });

  test('tells which refusals may pass', () => {
    const passing = codes.filter((code) => {
      const outcome = appendOutcomeOf(code, -1n, '');
      return outcome.kind === 'not-committed' && outcome.retryable;
    });
    expect(passing).toEqual([2, 19]);
  });
});

describe('faultOf', () => {
  test.each([
    [1, 'above-end'],
    [3, 'missing'],
    [10, 'too-large'],
    [29, 'denied'],
    [30, 'denied'],
    [31, 'denied'],
    [33, 'denied'],
    [34, 'denied'],
    [58, 'denied'],
    [2, 'corrupt'],
    [7, 'unavailable'],
    [6, 'unavailable'],
    [15, 'unavailable'],
    [9_999, 'unavailable'],
  ])('error %i is %s', (code, reason) => {
    expect(faultOf(code, 'it failed')).toMatchObject({ reason, effect: 'none' });
  });
});

test('a leader is asked for again after these', () => {
  expect([3, 5, 6, 8, 9, 13, 56, 74, 75].every(isLeadershipError)).toBe(true);
  expect([0, 1, 7, 19, 20].some(isLeadershipError)).toBe(false);
});

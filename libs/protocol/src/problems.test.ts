import { describe, expect, test } from 'vitest';
import { hasCode, isProblem, Problem, problemKinds } from './problems.ts';

describe('problemKinds', () => {
  test('codes are kebab-case and in alphabetical order', () => {
    const codes = Object.keys(problemKinds);
    expect(codes).toEqual(codes.toSorted());
    for (const code of codes) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  test('whatever may have had an effect says so, and only that', () => {
    const unknown = Object.entries(problemKinds).filter(([, kind]) => kind.effect === 'unknown');
    expect(unknown.map(([code]) => code)).toEqual(['internal', 'outcome-unknown']);
  });
});

test('a problem carries the facts of its code and keeps its cause', () => {
  const cause = new Error('below');
  const problem = new Problem('seq-conflict', 'moved', { facts: { tailSeq: 7 }, cause });
  expect(isProblem(problem) && hasCode(problem, 'seq-conflict') && problem.facts.tailSeq).toBe(7);
  expect(problem.cause).toBe(cause);
  expect(problem.kind.status).toBe(412);
  expect(isProblem(new Error('no'))).toBe(false);
});

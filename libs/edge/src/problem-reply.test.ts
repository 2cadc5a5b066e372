import { Fault, type FaultReason } from '@tidemark/ports';
import { describe, expect, test } from 'vitest';
import { problemBody, problemOf } from './problem-reply.ts';

const told = 'connect ECONNREFUSED broker-7.internal:9092, /var/lib/tidemark/log';
const faultOf = (reason: FaultReason, effect: 'none' | 'unknown') =>
  new Fault(reason, told, { effect, cause: new Error(told) });

describe('what a dependency did', () => {
  test.each([
    ['corrupt', 'none', 'corrupt', 500],
    ['corrupt', 'unknown', 'corrupt', 500],
    ['full', 'none', 'storage-full', 507],
    ['unavailable', 'none', 'unavailable', 503],
    ['aborted', 'none', 'unavailable', 503],
    ['unavailable', 'unknown', 'outcome-unknown', 504],
  ] as const)('%s with effect %s is answered as %s, without its own words', (...row) => {
    const [reason, effect, code, status] = row;
    const problem = problemOf(faultOf(reason, effect), 1);
    expect([problem.code, problem.kind.status]).toEqual([code, status]);
    const body = JSON.stringify(problemBody(problem, 'req_1'));
    expect(body).not.toMatch(/broker-7|9092|\/var/);
  });
});

import { isProblem } from '@tidemark/protocol';
import { expect, test } from 'vitest';
import { parseCreateRun } from './session-requests.ts';

test('what nobody would check out is refused, not left out', () => {
  const source = { repo: 'acme/shop', ref: 'main' };
  let refused: unknown;
  try {
    parseCreateRun({ agent: 'reviewer', sources: [source] });
  } catch (cause) {
    refused = cause;
  }
  expect(isProblem(refused) && refused.code).toBe('invalid-request');
  expect(parseCreateRun({ agent: 'reviewer', sources: [] }).agentId).toBe('reviewer');
});

// A problem in the words of the API whose clients ask under these paths: `{type, error, request_id}`.
// What is told beside its type and message is what everybody else is told of a problem.

import type { Problem } from '@tidemark/protocol';
import { pathOf } from './requests.ts';

const prefixes = /^\/((v1\/)?(sessions|agents|environments)|v3)(\/|$)/;

/** Whether who asks there expects an envelope. */
export const takesEnvelope = (url: string): boolean => prefixes.test(pathOf(url));

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  410: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};

/** By status; there is none for a conflict. */
function typeOf(status: number): string {
  return types[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
}

export function envelopeOf(problem: Problem, requestId: string): Record<string, unknown> {
  const { status, retry, effect } = problem.kind;
  return {
    type: 'error',
    error: {
      type: typeOf(status),
      message: problem.message,
      code: problem.code,
      details: { retry, effect, ...problem.facts },
    },
    request_id: requestId,
  };
}

/** Those clients repeat a conflict twice by themselves, unless they are told not to. */
export function envelopeHeaders({ kind }: Problem): Record<string, string> {
  const isFinal = kind.status < 500 && kind.status !== 429 && kind.retry !== 'same';
  return { 'content-type': 'application/json', ...(isFinal && { 'x-should-retry': 'false' }) };
}

// The one place where what went wrong becomes an answer: a Problem is itself, a Fault goes by its
// effect and reason, anything else is our mistake. What a dependency says of itself, its addresses
// and paths, is for the operator.

import { STATUS_CODES } from 'node:http';
import type { Alarms } from '@tidemark/platform';
import { type Fault, isFault, type Logger } from '@tidemark/ports';
import { hasCode, httpDate, isProblem, Problem, type ProblemCode } from '@tidemark/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { envelopeHeaders, envelopeOf, takesEnvelope } from './problem-envelope.ts';
import { commonHeaders } from './raw-answer.ts';

/** What fastify refuses by itself, before a route sees the request. */
const frameworkProblems: Partial<Record<string, ProblemCode>> = {
  FST_ERR_BAD_URL: 'invalid-request',
  FST_ERR_CTP_BODY_TOO_LARGE: 'too-large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid-request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid-request',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'invalid-request',
  FST_ERR_MAX_PARAM_LENGTH: 'invalid-request',
};

export function problemOf(cause: unknown, bodyBytesMax: number): Problem {
  if (isProblem(cause)) return cause;
  if (isFault(cause)) return problemOfFault(cause);
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : '';
  const framework = frameworkProblems[String(code)];
  if (framework === 'too-large') {
    const facts = { limit: 'bodyBytesMax', limitBytes: bodyBytesMax };
    return new Problem('too-large', 'the body is over the limit', { facts, cause });
  }
  if (framework === 'invalid-request') {
    return new Problem('invalid-request', 'the request is malformed', { cause });
  }
  return new Problem('internal', 'unexpected failure', { cause });
}

function problemOfFault(cause: Fault): Problem {
  if (cause.reason === 'corrupt') {
    return new Problem('corrupt', 'what is stored here fails its checksum', { cause });
  }
  if (cause.effect !== 'none') {
    return new Problem('outcome-unknown', 'a dependency has not told the outcome', { cause });
  }
  return cause.reason === 'full'
    ? new Problem('storage-full', 'no room is left', { cause })
    : new Problem('unavailable', `a dependency is down. reason=${cause.reason}`, { cause });
}

/** Headers in which the stream protocol tells facts. */
function factHeaders(problem: Problem): Record<string, string> {
  if (hasCode(problem, 'session-closed')) {
    return { 'stream-closed': 'true', 'stream-next-offset': problem.facts.nextOffset };
  }
  if (hasCode(problem, 'producer-fenced')) {
    return { 'producer-epoch': String(problem.facts.producerEpoch) };
  }
  if (hasCode(problem, 'producer-gap')) {
    const { expectedSeq, receivedSeq } = problem.facts;
    return {
      'producer-expected-seq': String(expectedSeq),
      'producer-received-seq': String(receivedSeq),
    };
  }
  if (hasCode(problem, 'seq-conflict')) {
    return { 'stream-next-seq': String(problem.facts.tailSeq) };
  }
  if (hasCode(problem, 'method-not-allowed')) return { allow: problem.facts.allowed.join(', ') };
  return {};
}

function retryAfterSeconds(problem: Problem): number | undefined {
  if (hasCode(problem, 'rate-limited')) return Math.ceil(problem.facts.retryAfterMs / 1_000);
  const isPassing = problem.kind.status === 503 || problem.kind.status === 504;
  return isPassing ? 1 : undefined;
}

function problemHeaders(problem: Problem, url: string): Record<string, string> {
  const retryAfter = retryAfterSeconds(problem);
  return {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    ...factHeaders(problem),
    ...(takesEnvelope(url) && envelopeHeaders(problem)),
  };
}

/** As whoever asks under this path expects it. */
const textOf = (problem: Problem, url: string, requestId: string): string =>
  JSON.stringify(
    takesEnvelope(url) ? envelopeOf(problem, requestId) : problemBody(problem, requestId),
  );

export function problemBody(problem: Problem, instance: string): Record<string, unknown> {
  const { status, title, retry, effect } = problem.kind;
  return {
    type: `https://tidemark.dev/problems/${problem.code}`,
    title,
    status,
    detail: problem.message,
    instance,
    code: problem.code,
    retry,
    effect,
    ...problem.facts,
  };
}

export interface ProblemContext {
  readonly logger: Logger;
  readonly alarms: Alarms;
  readonly bodyBytesMax: number;
}

/** What operators have to know of it. */
export function noteFailure(
  cause: unknown,
  requestId: string,
  { logger, alarms, bodyBytesMax }: ProblemContext,
): Problem {
  const problem = problemOf(cause, bodyBytesMax);
  if (problem.code === 'internal') {
    logger.error({ requestId, err: cause }, 'request failed');
  } else if (problem.code === 'corrupt' && !isFault(cause)) {
    // A Fault has rung where it came from, by the name of its shard.
    alarms.raiseCorrupt('read', cause);
  } else if (isFault(cause)) {
    logger.warn({ requestId, err: cause }, 'request failed by a dependency');
  }
  return problem;
}

export function sendProblem(
  cause: unknown,
  to: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  context: ProblemContext,
): FastifyReply {
  const { request, reply } = to;
  const problem = noteFailure(cause, request.id, context);
  // Closing at once would take the answer away from a client that is still sending: what is left of
  // the body is read and dropped, within the time that a request may take.
  if (problem.code === 'too-large') reply.removeHeader('connection');
  return reply
    .code(problem.kind.status)
    .headers(problemHeaders(problem, request.url))
    .send(textOf(problem, request.url, request.id));
}

interface AnswerFacts {
  readonly requestId: string;
  readonly url: string;
  readonly nowMs: number;
  readonly isHead: boolean;
  /** Of this request only. */
  readonly headers: readonly (readonly [string, string])[];
  /** On its connection. */
  readonly isLast: boolean;
}

/** The whole answer, as it goes over the connection. */
export function problemText(problem: Problem, facts: AnswerFacts): string {
  const { requestId, url, nowMs, isLast, isHead } = facts;
  const { status } = problem.kind;
  const body = textOf(problem, url, requestId);
  const headers = {
    ...commonHeaders,
    'request-id': requestId,
    ...problemHeaders(problem, url),
    'content-length': String(Buffer.byteLength(body)),
    date: httpDate(nowMs),
    connection: isLast ? 'close' : 'keep-alive',
  };
  const lines = [...Object.entries(headers), ...facts.headers].map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${isHead ? '' : body}`;
}

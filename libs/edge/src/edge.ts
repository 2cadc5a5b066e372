// An HTTP server as every app has it: request ids, security headers, cross-origin access, bodies as
// bytes, one error handler, and limits against whoever holds on to a connection.

import type { Clock, Logger, Metrics, Prng } from '@tidemark/ports';
import { defaultContentType, jsonContentType, limits, Problem } from '@tidemark/protocol';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { Admission, type AdmissionBounds, admissionDefaults } from './admission.ts';
import { problemText, sendProblem } from './problem-reply.ts';
import { commonHeaders, createRequestIds } from './raw-answer.ts';
import { readBody } from './request-body.ts';
import { headerOf } from './requests.ts';
import { type AnswerText, isBehindRefusal, withhold } from './withheld-answer.ts';

export type Edge = FastifyInstance;

export interface EdgeParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly prng: Prng;
}

const preflightHeaders = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers': [
    'authorization',
    'content-type',
    'idempotency-key',
    'if-none-match',
    'last-event-id',
    'producer-epoch',
    'producer-id',
    'producer-seq',
    'stream-closed',
    'stream-event-ids',
    'stream-expires-at',
    'stream-fork-offset',
    'stream-fork-sub-offset',
    'stream-forked-from',
    'stream-match-seq',
    'stream-seq',
    'stream-ttl',
    'x-api-key',
  ].join(', '),
  'access-control-max-age': '86400',
} as const;

export function createEdge(parts: EdgeParts, bounds: AdmissionBounds = admissionDefaults): Edge {
  const { logger, prng } = parts;
  const context = { logger, bodyBytesMax: limits.bodyBytesMax };
  const edge = fastify({
    bodyLimit: limits.bodyBytesMax,
    genReqId: createRequestIds(prng.hex(6)),
    requestIdHeader: false,
    routerOptions: { maxParamLength: 16_384 },
    exposeHeadRoutes: false,
    // Time for a whole request and for its headers alone: a slow sender cannot hold a connection.
    requestTimeout: 60_000,
    keepAliveTimeout: 75_000,
    http: { headersTimeout: 15_000, connectionsCheckingInterval: 5_000 },
    frameworkErrors: (cause, request, reply) => {
      reply.headers({ ...commonHeaders, 'request-id': request.id });
      void sendProblem(cause, { request, reply }, context);
    },
  });
  const admission = new Admission(parts, bounds);
  edge.decorate('admission', admission);
  admit(edge, { admission, clock: parts.clock });
  // Before connections are closed, so that what waits for its answer is still told.
  edge.addHook('preClose', async () => admission.close());
  // Answers that go past fastify carry these by themselves: see `sendRaw`.
  edge.addHook('onSend', async (request, reply, payload) => {
    reply.headers(commonHeaders).header('request-id', request.id);
    return payload;
  });
  edge.setErrorHandler((cause, request, reply) => sendProblem(cause, { request, reply }, context));
  edge.setNotFoundHandler((request, reply) =>
    sendProblem(new Problem('not-found', 'no such path'), { request, reply }, context),
  );
  edge.options('/*', (_request, reply) => reply.headers(preflightHeaders).code(204).send());
  return edge;
}

/** Whose request it is, as far as its key tells. */
const keyOf = (headers: FastifyRequest['headers']): string =>
  headerOf(headers, 'authorization') ?? headerOf(headers, 'x-api-key') ?? '';

interface AdmitParts {
  readonly admission: Admission;
  readonly clock: Clock;
}

function admit(edge: Edge, { admission, clock }: AdmitParts): void {
  edge.addHook('onRequest', (request, reply, done) => {
    const { method } = request;
    const exchange = { incoming: request.raw, outgoing: reply.raw };
    if (isBehindRefusal(exchange.incoming.socket)) return void reply.hijack();
    if (method === 'GET' || method === 'HEAD') return done();
    const problem = admission.enter(keyOf(request.headers), exchange);
    if (problem === undefined) return done();
    const answer = withhold(exchange, refusalOf(problem, request.id, clock));
    if (answer === undefined) return admission.later(() => done(problem));
    reply.hijack();
    admission.later(answer);
  });
  edge.removeAllContentTypeParsers();
  // Those that are named are found without parsing the header again on each request.
  for (const type of [[jsonContentType, defaultContentType, 'text/plain'], '*']) {
    edge.addContentTypeParser(type, (_request, payload, done) => {
      readBody(payload, admission, done);
    });
  }
}

/** A scope of its own: what waits holds on to nothing of the request. */
const refusalOf =
  (problem: Problem, requestId: string, clock: Clock): AnswerText =>
  (isLast) =>
    problemText(problem, { requestId, nowMs: clock.nowMs(), isLast });

/** The body as it was sent; empty where there is none. */
export const bodyOf = (request: { readonly body: unknown }): Uint8Array =>
  request.body instanceof Uint8Array ? request.body : new Uint8Array(0);

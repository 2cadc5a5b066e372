// An HTTP server as every app has it: request ids, security headers, cross-origin access, bodies as
// bytes, one error handler, and limits against whoever holds on to a connection.

import type { Logger, Metrics, Prng } from '@tidemark/ports';
import { defaultContentType, jsonContentType, limits, Problem } from '@tidemark/protocol';
import fastify, { type FastifyInstance } from 'fastify';
import { sendProblem } from './problem-reply.ts';
import { commonHeaders, createRequestIds } from './raw-answer.ts';

export type Edge = FastifyInstance;

export interface EdgeParts {
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

export function createEdge(parts: EdgeParts): Edge {
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
  edge.removeAllContentTypeParsers();
  const asSent = (_request: unknown, body: unknown, done: (error: null, body: unknown) => void) =>
    done(null, body);
  // Those that are named are found without parsing the header again on each request.
  const common = [jsonContentType, defaultContentType, 'text/plain'];
  edge.addContentTypeParser(common, { parseAs: 'buffer' }, asSent);
  edge.addContentTypeParser('*', { parseAs: 'buffer' }, asSent);
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

/** The body as it was sent; empty where there is none. */
export const bodyOf = (request: { readonly body: unknown }): Uint8Array =>
  request.body instanceof Uint8Array ? request.body : new Uint8Array(0);

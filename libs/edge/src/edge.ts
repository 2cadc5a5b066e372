// An HTTP server as every app has it: request ids, security headers, bodies as bytes, one error
// handler, and limits against whoever holds on to a connection.

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Alarms } from '@tidemark/platform';
import type { Clock, Logger, Metrics, Prng } from '@tidemark/ports';
import { defaultContentType, jsonContentType, limits, Problem } from '@tidemark/protocol';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { Admission, type AdmissionBounds, admissionDefaults } from './admission.ts';
import { type ConnectionBounds, Connections, connectionDefaults } from './connections.ts';
import { stopWhereFull } from './edge-request.ts';
import { Entrance, type PeerOf, type RefusalOf } from './entrance.ts';
import { type OriginSettings, Origins } from './origins.ts';
import { problemOf, sendProblem } from './problem-reply.ts';
import { commonHeaders, createRequestIds } from './raw-answer.ts';
import { inviteLater, readBody } from './request-body.ts';
import { pathOf, takeAbsoluteTarget } from './requests.ts';
import { RouteMethods } from './route-methods.ts';
import { onlyPeer } from './share.ts';
import { WebSockets } from './web-sockets.ts';

export interface Edge extends FastifyInstance {
  readonly connections: Connections;
  readonly sockets: WebSockets;
}

export interface EdgeParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly prng: Prng;
}

export interface EdgeSettings {
  /** Without it there are no keys: whoever reaches the server is its one tenant. */
  readonly peerOf?: PeerOf;
  readonly refusalOf?: RefusalOf;
  readonly origins?: OriginSettings;
  readonly alarms?: Alarms;
  readonly bounds?: Partial<AdmissionBounds & ConnectionBounds>;
}

/** Time for a whole request and for its head alone: a slow sender cannot hold a connection. */
const timeouts = {
  requestTimeout: 60_000,
  headersTimeout: 15_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 5_000,
};

export function createEdge(parts: EdgeParts, settings: EdgeSettings = {}): Edge {
  const { logger, prng, clock, metrics } = parts;
  const { peerOf, refusalOf, origins = {}, bounds, alarms = new Alarms(parts) } = settings;
  const context = { logger, alarms, bodyBytesMax: limits.bodyBytesMax };
  const connections = new Connections(metrics, { ...connectionDefaults, ...bounds });
  const admission = new Admission(parts, { ...admissionDefaults, ...bounds });
  const methods = new RouteMethods();
  const rules = new Origins(origins, { isKeyless: peerOf === undefined });
  const sockets = new WebSockets({ connections, origins: rules, clock, metrics });
  const edge = fastify({
    serverFactory: (handler) => listenTo({ connections, sockets }, handler),
    bodyLimit: limits.bodyBytesMax,
    genReqId: createRequestIds(prng.hex(6)),
    requestIdHeader: false,
    routerOptions: { maxParamLength: 16_384 },
    exposeHeadRoutes: false,
    clientErrorHandler: (cause, socket) => {
      if (cause.code === 'ECONNRESET') return void socket.destroy();
      entrance.refuseUnreadable(socket, () => endNonsense(cause, socket));
    },
    frameworkErrors: (cause, request, reply) => {
      reply.headers({ ...commonHeaders, 'request-id': request.id });
      const done = (): void => void sendProblem(cause, { request, reply }, context);
      entrance.refuse({ request, reply, done }, problemOf(cause, limits.bodyBytesMax));
    },
  });
  edge.decorate('admission', admission);
  edge.decorate('problemContext', context);
  edge.decorate('connections', connections);
  edge.decorate('sockets', sockets);
  edge.addHook('onRoute', ({ url, method }) => {
    if (url !== everyPath) methods.add(url, method);
  });
  const absence = (request: FastifyRequest): Problem => absenceOf(request, methods);
  const entrance = new Entrance({
    admission,
    connections,
    clock,
    absence,
    origins: rules,
    peerOf: peerOf ?? (() => onlyPeer),
    refusalOf: refusalOf ?? (() => undefined),
  });
  entrance.guard(edge);
  takeBodies(edge, admission);
  // Before connections are closed, so that what waits for its answer is still told.
  edge.addHook('preClose', async () => admission.close());
  // Answers that go past fastify carry these by themselves: see `sendRaw`.
  edge.addHook('onSend', async (request, reply, payload) => {
    reply.headers(commonHeaders).header('request-id', request.id);
    return payload;
  });
  edge.setErrorHandler((cause, request, reply) => sendProblem(cause, { request, reply }, context));
  edge.setNotFoundHandler((request, reply) =>
    sendProblem(absence(request), { request, reply }, context),
  );
  edge.options(everyPath, { config: { isOpen: true } }, (request, reply) =>
    reply.headers(rules.preflightHeaders(request.headers)).code(204).send(),
  );
  return edge as FastifyInstance as Edge;
}

const everyPath = '/*';

function listenTo(
  { connections, sockets }: Pick<Edge, 'connections' | 'sockets'>,
  handler: RequestListener,
): Server {
  const take: RequestListener = (incoming, outgoing) => {
    takeAbsoluteTarget(incoming);
    connections.take(incoming, outgoing, () => handler(incoming, outgoing));
  };
  const isFull = (socket: Socket): boolean => connections.isFull(socket);
  const isUpgrade = (request: IncomingMessage): boolean => sockets.takes(request);
  const server = createServer({ ...timeouts, ...stopWhereFull(isFull, isUpgrade) }, take);
  server.on('upgrade', (request, socket, head) => {
    if (isFull(request.socket)) connections.cut(request.socket);
    else sockets.upgrade(request, socket, head);
  });
  server.on('checkContinue', (incoming, outgoing) => {
    inviteLater(incoming, outgoing);
    take(incoming, outgoing);
  });
  server.on('connection', (socket) => connections.accept(socket));
  return server;
}

const nonsense: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

/** What is no request has no answer that would be read as a problem. */
function endNonsense(cause: { readonly code?: string }, socket: Socket): void {
  const status = nonsense[cause.code ?? ''] ?? '400 Bad Request';
  const head = `HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
  if (socket.writable) socket.write(head);
  socket.destroySoon();
}

function absenceOf({ url, method }: FastifyRequest, methods: RouteMethods): Problem {
  const allowed = methods.of(pathOf(url));
  if (allowed.length === 0 || allowed.includes(method)) {
    return new Problem('not-found', 'no such path');
  }
  return new Problem('method-not-allowed', `${method} is nothing that this path takes`, {
    facts: { allowed },
  });
}

function takeBodies(edge: FastifyInstance, admission: Admission): void {
  edge.removeAllContentTypeParsers();
  // Those that are named are found without parsing the header again on each request.
  for (const type of [[jsonContentType, defaultContentType, 'text/plain'], '*']) {
    edge.addContentTypeParser(type, (_request, payload, done) => {
      readBody(payload, admission, done);
    });
  }
}

/** The body as it was sent; empty where there is none. */
export const bodyOf = (request: { readonly body: unknown }): Uint8Array =>
  request.body instanceof Uint8Array ? request.body : new Uint8Array(0);

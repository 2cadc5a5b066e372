// What a request passes before its route: by which name and for which page it is asked, whose it is,
// and whether there is room for it. All of that is known by its head; until then nothing of its body
// is read.

import type { Socket } from 'node:net';
import type { Clock } from '@tidemark/ports';
import { isProblem, Problem } from '@tidemark/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admission } from './admission.ts';
import type { Connections } from './connections.ts';
import type { Origins } from './origins.ts';
import { problemText } from './problem-reply.ts';
import { hasTwoHosts } from './requests.ts';
import type { Peer } from './share.ts';
import {
  type Answer,
  type AnswerText,
  type Exchange,
  hasBody,
  isBehindRefusal,
  isRefused,
  withhold,
  withholdEnd,
} from './withheld-answer.ts';

/** Whose share a request goes by. Throws what is answered where it has shown no valid key. */
export type PeerOf = (request: FastifyRequest) => Peer | Promise<Peer>;

/** What a request of a known peer is refused with: what its key may not do, or what its tenant has to wait for. */
export type RefusalOf = (request: FastifyRequest) => Problem | undefined;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Where the route has keys of its own. */
    readonly peerOf?: PeerOf;
    /** Anybody may ask, and nothing of a body is read. */
    readonly isOpen?: boolean;
    /** A page, the same for anybody: links from anywhere may lead to it. */
    readonly isPage?: boolean;
  }
}

export interface EntranceParts {
  readonly admission: Admission;
  readonly connections: Connections;
  readonly origins: Origins;
  readonly clock: Clock;
  readonly peerOf: PeerOf;
  readonly refusalOf: RefusalOf;
  /** What is told where there is no such route. */
  readonly absence: (request: FastifyRequest) => Problem;
}

type Done = (cause?: Error) => void;

interface Visit {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly exchange: Exchange;
  readonly done: Done;
}

export class Entrance {
  readonly #parts: EntranceParts;

  constructor(parts: EntranceParts) {
    this.#parts = parts;
  }

  guard(edge: FastifyInstance): void {
    edge.addHook('onRequest', (request, reply, done) => {
      const exchange = { incoming: request.raw, outgoing: reply.raw };
      if (this.#isRefused(exchange.incoming.socket)) return void reply.hijack();
      this.#receive({ request, reply, exchange, done });
    });
  }

  /** What a stranger sends behind a refusal does not hasten it: that connection ends with it anyway. */
  #isRefused(socket: Socket): boolean {
    const { connections } = this.#parts;
    return (connections.isStranger(socket) && isRefused(socket)) || isBehindRefusal(socket);
  }

  #receive(visit: Visit): void {
    const { origins, admission } = this.#parts;
    const { request, exchange, done } = visit;
    for (const [name, value] of origins.answerHeaders(request.headers)) {
      exchange.outgoing.setHeader(name, value);
    }
    const { isOpen, isPage } = request.routeOptions.config;
    const refusal = hasTwoHosts(request.raw)
      ? twoHosts()
      : origins.refusalOf(request.headers, isPage);
    if (refusal !== undefined) return this.#turnAway(visit, refusal);
    if (isOpen !== true) return this.#identify(visit);
    if (hasBody(exchange.incoming)) return this.#turnAway(visit, noBody());
    admission.openDoor(answering(exchange, done));
  }

  #identify(visit: Visit): void {
    const { config } = visit.request.routeOptions;
    try {
      const peer = (config.peerOf ?? this.#parts.peerOf)(visit.request);
      if (typeof peer === 'string') return this.#admit(visit, peer);
      peer.then(
        (known) => this.#admit(visit, known),
        (cause: unknown) => this.#turnAway(visit, this.#told(visit, cause)),
      );
    } catch (cause) {
      this.#turnAway(visit, this.#told(visit, cause));
    }
  }

  /** Where there is no route, that is told rather than that there is no key. */
  #told({ request }: Visit, cause: unknown): unknown {
    return request.is404 && isProblem(cause) ? this.#parts.absence(request) : cause;
  }

  #admit(visit: Visit, peer: Peer): void {
    const { admission, connections, refusalOf } = this.#parts;
    const { request, reply, exchange, done } = visit;
    connections.know(exchange.incoming.socket);
    const refusal = refusalOf(request);
    if (request.method === 'GET' || request.method === 'HEAD') {
      admission.read(peer, exchange);
      return done(refusal);
    }
    const problem = refusal ?? admission.enter(peer, exchange);
    if (problem === undefined) return done();
    const isLast = false;
    const answer = withhold(exchange, { text: this.#textOf(visit, problem, isLast), isLast });
    if (answer === undefined) return admission.later(answering(exchange, () => done(problem)));
    reply.hijack();
    admission.later(answer);
  }

  /** What is refused before it has a route: a stranger waits for that as for any refusal. */
  refuse(visit: Omit<Visit, 'exchange'>, problem: Problem): void {
    const { request, reply, done } = visit;
    const { socket } = request.raw;
    if (this.#isRefused(socket)) return void reply.hijack();
    if (!this.#parts.connections.isStranger(socket)) return done(problem);
    const exchange = { incoming: request.raw, outgoing: reply.raw };
    this.#turnAway({ ...visit, exchange }, problem);
  }

  /**
   * What is no request. A stranger waits for its end as for any refusal: who is done away with at once comes
   * back at once, and that costs most.
   */
  refuseUnreadable(socket: Socket, end: () => void): void {
    const { admission, connections } = this.#parts;
    if (!connections.isStranger(socket)) return end();
    if (!isRefused(socket)) admission.turnAway(withholdEnd(socket, end));
  }

  /** A stranger's connection ends with its refusal; so does any where a body would still come. */
  #turnAway(visit: Visit, problem: unknown): void {
    const { admission, connections } = this.#parts;
    const { reply, exchange, done } = visit;
    const { incoming } = exchange;
    const isLast = hasBody(incoming) || connections.isStranger(incoming.socket);
    const answer = isProblem(problem)
      ? withhold(exchange, { text: this.#textOf(visit, problem, isLast), isLast })
      : undefined;
    if (answer === undefined) {
      if (isLast) reply.header('connection', 'close');
      return admission.turnAway(answering(exchange, () => done(problem as Error)));
    }
    reply.hijack();
    admission.turnAway(answer);
  }

  /** A scope of its own: what waits holds on to nothing of the request. */
  #textOf({ request }: Visit, problem: Problem, isLast: boolean): AnswerText {
    const { clock, origins } = this.#parts;
    const { id: requestId, url } = request;
    const isHead = request.method === 'HEAD';
    const headers = origins.answerHeaders(request.headers);
    const textOf: AnswerText = (ends) =>
      problemText(problem, { requestId, url, nowMs: clock.nowMs(), isLast: ends, isHead, headers });
    return isLast ? always(textOf(isLast)) : textOf;
  }
}

/** The text alone: a problem's stack holds on to all that it was thrown behind. */
const always = (text: string): AnswerText => {
  return () => text;
};

/** Node answers by itself, also where nobody is left to be told. */
function answering({ outgoing }: Exchange, done: () => void): Answer {
  return () => {
    const isHeard = !outgoing.destroyed;
    done();
    return isHeard;
  };
}

const noBody = (): Problem => new Problem('invalid-request', 'this takes no body');
const twoHosts = (): Problem => new Problem('invalid-request', 'a request names one host');

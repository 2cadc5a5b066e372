// WebSockets: one path, one subprotocol. What goes over a socket is its handler's business; here is who gets
// one, how much it may send at once, and when it is given up.
//
// (1) A page may open one where it may ask anything: by the same rules of names and origins.
// (2) A socket is a stranger's connection until its handler knows who it is.
// (3) A peer that answers no ping is given up after two of them.
// (4) What is sent waits for its reader: nobody sends while more than so much is waiting.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Metrics } from '@tidemark/ports';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Connections } from './connections.ts';
import type { Origins } from './origins.ts';
import { pathOf } from './requests.ts';
import type { TextFrame } from './text-frame.ts';

const pingMs = 25_000;
/** One message of a client: a handful of events at most. */
const messageBytesMax = 1_024 * 1_024;
/** While more is waiting for the reader, nothing is sent. */
const waitingBytesMax = 256 * 1_024;
const bearer = 'tidemark.bearer.';

/** Close codes: 44xx is final, 41xx asks to come back later, 42xx to come back at once. */
export const closeCodes = {
  malformed: 4_400,
  unauthenticated: 4_401,
  silent: 4_408,
  stalled: 4_100,
  draining: 4_200,
} as const;

export interface LiveSocket {
  readonly credential: string | undefined;
  /** More is waiting for the reader than may. */
  readonly isFull: boolean;
  readonly isOpen: boolean;
  /** Whoever asks has shown who it is. */
  know(): void;
  send(frame: TextFrame): void;
  close(code: number, reason: string): void;
}

export interface SocketHandler {
  message(text: string): void;
  /** There is room again. */
  drained(): void;
  closed(): void;
}

export type OpenSocket = (socket: LiveSocket) => SocketHandler;

interface Parts {
  readonly connections: Connections;
  readonly origins: Origins;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

interface Route {
  readonly path: string;
  readonly protocol: string;
  readonly open: OpenSocket;
}

interface Accepted {
  readonly socket: WebSocket;
  /** What it goes over. */
  readonly raw: Duplex;
}

const refusal = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n';

export class WebSockets {
  readonly #parts: Parts;
  readonly #server: WebSocketServer;
  readonly #open = new Set<WebSocket>();
  #route: Route | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#server = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      clientTracking: false,
      handleProtocols: (offered) => (offered.has(this.#protocol) ? this.#protocol : false),
    });
    parts.metrics.observedGauge(
      { name: 'tidemark_edge_web_sockets', help: 'open WebSockets' },
      () => this.#open.size,
    );
  }

  get #protocol(): string {
    return this.#route?.protocol ?? '';
  }

  serve(route: Route): void {
    this.#route = route;
  }

  /** Whether a request asks for what is served here. */
  takes({ url = '', headers, method }: IncomingMessage): boolean {
    const isSocket = method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
    return isSocket && this.#route !== undefined && pathOf(url) === this.#route.path;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const { origins } = this.#parts;
    if (origins.refusalOf(request.headers) !== undefined || this.#route === undefined) {
      socket.end(refusal);
      return;
    }
    const { open } = this.#route;
    this.#server.handleUpgrade(request, socket, head, (accepted) => {
      this.#begin({ socket: accepted, raw: socket }, request, open);
    });
  }

  #begin({ socket, raw }: Accepted, request: IncomingMessage, open: OpenSocket): void {
    const { connections, clock } = this.#parts;
    this.#open.add(socket);
    let isFull = false;
    let unanswered = 0;
    let beat = clock.schedule(pingMs, ping);
    const handler = open({
      credential: credentialOf(request),
      get isFull() {
        return isFull;
      },
      get isOpen() {
        return socket.readyState === socket.OPEN;
      },
      know: () => connections.know(request.socket as Socket),
      send(frame) {
        if (socket.readyState !== socket.OPEN) return;
        // Beside `ws`, which has nothing of its own under way: without compression it writes at once.
        raw.write(frame.bytes, drained);
        isFull = socket.bufferedAmount > waitingBytesMax;
      },
      close: (code, reason) => socket.close(code, reason),
    });
    socket.on('message', (data, isBinary) => {
      if (isBinary) socket.close(closeCodes.malformed, 'messages are text');
      else handler.message(textOf(data));
    });
    socket.on('pong', () => {
      unanswered = 0;
    });
    socket.on('error', () => socket.terminate());
    socket.once('close', () => {
      beat.cancel();
      this.#open.delete(socket);
      handler.closed();
    });

    function drained(): void {
      if (!isFull || socket.bufferedAmount > waitingBytesMax) return;
      isFull = false;
      handler.drained();
    }

    function ping(): void {
      beat = clock.schedule(pingMs, ping);
      unanswered += 1;
      if (unanswered > 2) socket.terminate();
      else socket.ping();
    }
  }

  /** The process stops: clients are told to come back, elsewhere. */
  closeAll(): void {
    for (const socket of this.#open) socket.close(closeCodes.draining, 'draining');
  }
}

const textOf = (data: Buffer | ArrayBuffer | Buffer[]): string =>
  Buffer.isBuffer(data) ? data.toString() : Buffer.concat([data].flat() as Buffer[]).toString();

/** By header, or offered among the subprotocols, as a browser can. */
function credentialOf({ headers }: IncomingMessage): string | undefined {
  const { authorization, 'x-api-key': key } = headers;
  if (authorization?.slice(0, 7).toLowerCase() === 'bearer ') return authorization.slice(7).trim();
  if (typeof key === 'string') return key;
  const offered = headers['sec-websocket-protocol']?.split(',').map((text) => text.trim()) ?? [];
  const token = offered.find((text) => text.startsWith(bearer));
  return token && Buffer.from(token.slice(bearer.length), 'base64url').toString();
}

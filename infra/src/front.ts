// One address in front of separate processes, for a laptop and for tests: GET and HEAD go to read,
// the subscription surface to relay, everything else, and what is kept of tenants and keys, to ingest, each by
// hash of the path. Sending a session's writes to one process is a speed hint, nothing more. In production
// this is nginx or Envoy: see infra/nginx/.

import {
  Agent,
  createServer,
  request as forward,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { bytesOf, partitionOf } from '@tidemark/std';

export type UpstreamRole = 'ingest' | 'read' | 'relay';

export interface Upstream {
  readonly host: string;
  readonly port: number;
}

export interface FrontOptions {
  /** Asked for each request: processes come and go. */
  readonly upstreams: (role: UpstreamRole) => readonly Upstream[];
  readonly port?: number;
  /** `path`: a session has its process. `random`: every request goes anywhere. */
  readonly route?: 'path' | 'random';
}

export interface Front extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

const ofIngest = /^\/v1\/(admin\/|keys$|keys\/|[a-z]+\/[^/]+\/tokens$)/;

function roleOf(method: string, path: string): UpstreamRole {
  if (path.startsWith('/v1/stream/__ds/')) return 'relay';
  if (path === '/mcp') return 'read';
  if (ofIngest.test(path)) return 'ingest';
  return method === 'GET' || method === 'HEAD' ? 'read' : 'ingest';
}

export async function startFront(options: FrontOptions): Promise<Front> {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const server = createServer(
    { requestTimeout: 0, keepAliveTimeout: 75_000 },
    (request, response) => {
      new Passage(options, agent, { request, response }).start();
    },
  );
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    tunnel(options, request, { socket, head });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Upgraded {
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** A WebSocket: bytes there and back, the answer to its request among them. */
function tunnel(
  { upstreams }: FrontOptions,
  { url = '/', rawHeaders }: IncomingMessage,
  { socket, head }: Upgraded,
): void {
  const candidates = upstreams('read');
  const upstream = candidates[Math.floor(Math.random() * candidates.length)];
  if (upstream === undefined) {
    socket.destroy();
    return;
  }
  const onward = connect(upstream.port, upstream.host);
  const headers = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
  onward.write(`GET ${url} HTTP/1.1\r\n${headers.join('')}\r\n`);
  onward.write(head);
  socket.pipe(onward).pipe(socket);
  for (const [one, other] of [
    [socket, onward],
    [onward, socket],
  ] as const) {
    one.once('error', () => one.destroy());
    one.once('close', () => other.destroy());
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** One request on its way; tried elsewhere only while nothing of it was sent. */
class Passage {
  readonly #agent: Agent;
  readonly #exchange: Exchange;
  readonly #candidates: readonly Upstream[];
  readonly #first: number;
  #tried = 0;

  constructor({ upstreams, route }: FrontOptions, agent: Agent, exchange: Exchange) {
    const { method = 'GET', url = '/' } = exchange.request;
    const path = url.split('?', 1)[0] ?? url;
    this.#agent = agent;
    this.#exchange = exchange;
    this.#candidates = upstreams(roleOf(method, path));
    const { length } = this.#candidates;
    this.#first =
      route === 'random'
        ? Math.floor(Math.random() * length)
        : partitionOf(bytesOf(path), Math.max(1, length));
  }

  start(): void {
    const { request, response } = this.#exchange;
    const upstream = this.#candidates[(this.#first + this.#tried) % this.#candidates.length];
    if (upstream === undefined || this.#tried >= this.#candidates.length)
      return this.#unavailable();
    this.#tried += 1;
    const { method, url, headers } = request;
    const onward = forward({ ...upstream, method, path: url, headers, agent: this.#agent });
    let isConnected = false;
    onward.once('socket', (socket) => {
      if (!socket.connecting) return send();
      socket.once('connect', send);
    });
    function send(): void {
      isConnected = true;
      request.pipe(onward);
    }
    onward.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    onward.once('error', () => {
      if (!isConnected) this.start();
      else if (response.headersSent) response.destroy();
      else this.#unavailable();
    });
    response.once('close', () => {
      // Of a request that was answered before all of it came, the rest is dropped: unread, it would
      // hold up the next one of this connection for ever.
      request.unpipe(onward).resume();
      onward.destroy();
    });
  }

  #unavailable(): void {
    const { response } = this.#exchange;
    if (response.headersSent) return;
    // What was sent may have been taken: only the client can find out.
    response.writeHead(502, { 'content-type': 'application/problem+json', 'retry-after': '1' });
    response.end(JSON.stringify({ title: 'No process answers', status: 502, effect: 'unknown' }));
  }
}

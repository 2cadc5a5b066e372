// The same tools over HTTP, at /mcp. Each request is a conversation of its own, so that any process may take the
// next one. Whoever asks shows a key of their own, which is the server's to judge; only on this machine's own
// address those without one are served, with the key that the command has, and then no web page is: neither one
// of another origin nor by a name that was made to resolve here.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { answerHttp, createMcpServer } from '@tidemark/mcp';
import { SessionsClient } from '@tidemark/sessions-client';

export interface McpHttpOptions {
  readonly baseUrl: string;
  /** Of whoever shows none, on this machine. */
  readonly apiKey: string | undefined;
  readonly mayWrite: boolean;
  readonly host: string;
  readonly port: number;
}

export interface McpHttp extends AsyncDisposable {
  readonly url: string;
}

const bodyBytesMax = 1024 * 1024;
const connectionsMax = 256;
const headersMs = 10_000;
const requestMs = 60_000;
const local = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/** Rejects where the address cannot be had. */
export async function serveMcp(options: McpHttpOptions): Promise<McpHttp> {
  const { host } = options;
  const server = createServer({ headersTimeout: headersMs, requestTimeout: requestMs });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(options, request, response).catch((cause: unknown) => {
      const status = cause instanceof Refusal ? cause.status : 500;
      if (!response.headersSent) refuse(response, status, (cause as Error).message);
    });
  });
  server.maxConnections = connectionsMax;
  const port = await listening(server, options);
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shown}:${port}/mcp`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function listening(server: Server, { host, port }: McpHttpOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' ? (address?.port ?? port) : port);
    });
  });
}

export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = { jsonrpc: '2.0', error: { code: -32_000, message }, id: null };
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}

async function answer(
  options: McpHttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://mcp');
  if (pathname !== '/mcp') throw new Refusal(404, 'the tools are at /mcp');
  const apiKey = keyFor(options, request);
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST');
    throw new Refusal(405, 'the tools are asked by POST');
  }
  const { baseUrl, mayWrite } = options;
  const server = createMcpServer({ client: new SessionsClient({ baseUrl, apiKey }), mayWrite });
  const version = request.headers['mcp-protocol-version'];
  const body = await bodyOf(request);
  const told = await answerHttp(server, { body, version: [version].flat()[0] });
  response.writeHead(told.status, { 'content-type': 'application/json' });
  response.end(told.body === undefined ? '' : JSON.stringify(told.body));
}

/** The key of whoever asks; throws where nothing is for it. */
export function keyFor(
  { host, apiKey }: Pick<McpHttpOptions, 'host' | 'apiKey'>,
  { headers }: Pick<IncomingMessage, 'headers'>,
): string | undefined {
  const [, bearer] = /^bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (bearer !== undefined) return bearer;
  if (!isLoopback(host)) throw new Refusal(401, 'show a key: authorization: Bearer …');
  if (headers.origin !== undefined) throw new Refusal(403, 'not for web pages');
  if (!local.test(headers.host ?? '')) throw new Refusal(403, 'not by this name');
  return apiKey;
}

/** One over the limit is read to its end and dropped: left unread, it would take the refusal away. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Uint8Array>) {
    bytes += piece.length;
    if (bytes <= bodyBytesMax) pieces.push(piece);
  }
  if (bytes > bodyBytesMax) throw new Refusal(413, `at most ${bodyBytesMax} bytes`);
  return Buffer.concat(pieces).toString();
}

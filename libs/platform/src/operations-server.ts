// What an operator asks of a process that serves nothing else: whether it lives, whether it is ready, how it
// does. Without the HTTP server that roles are asked over.

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { integer, type SettingsOf, text } from '@tidemark/std';
import type { Listening } from './run-process.ts';

export const operationsDeclarations = {
  host: text({ env: 'TIDEMARK_HOST', purpose: 'address to listen on', fallback: '127.0.0.1' }),
  port: integer({
    env: 'TIDEMARK_PORT',
    purpose: 'port to listen on; 0 takes a free one',
    min: 0,
    max: 65_535,
    fallback: 4_437,
  }),
} as const;

interface Operations {
  readonly failures: () => Readonly<Record<string, string>>;
  readonly warnings: () => Readonly<Record<string, string>>;
  readonly renderMetrics: () => Promise<string>;
}

interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly type?: string;
}

type Named = Readonly<Record<string, string>>;

/** What `/readyz` says: a warning is told, and keeps nobody from asking here. */
export function readinessOf(failures: Named, warnings: Named): { code: number; body: object } {
  const isReady = Object.keys(failures).length === 0;
  const status = isReady ? 'ready' : 'not-ready';
  return { code: isReady ? 200 : 503, body: { status, failures, warnings } };
}

async function answerTo(
  request: IncomingMessage,
  { failures, warnings, renderMetrics }: Operations,
): Promise<Answer> {
  if (request.method !== 'GET') return { status: 405 };
  if (request.url === '/healthz') return { status: 200, body: '{"status":"ok"}' };
  if (request.url === '/readyz') {
    const { code, body } = readinessOf(failures(), warnings());
    return { status: code, body: JSON.stringify(body) };
  }
  if (request.url !== '/metrics') return { status: 404 };
  return { status: 200, body: await renderMetrics(), type: 'text/plain; version=0.0.4' };
}

export async function serveOperations(
  operations: Operations,
  { host, port }: SettingsOf<typeof operationsDeclarations>,
): Promise<Listening> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    request.resume();
    const send = ({ status, body = '', type = 'application/json' }: Answer): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    answerTo(request, operations).then(send, () => send({ status: 500 }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { address, family, port: bound } = server.address() as AddressInfo;
  const name = family === 'IPv6' ? `[${address}]` : address;
  return {
    url: `http://${name}:${bound}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

// An edge with a few routes, by real sockets.

import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createSystemClock } from '@tidemark/platform';
import { type MetricShape, type Metrics, silentLogger } from '@tidemark/ports';
import { SeededPrng } from '@tidemark/ports/testing';
import { Problem } from '@tidemark/protocol';
import type { FastifyReply as EdgeReply } from 'fastify';
import { bodyOf, createEdge, type Edge, type EdgeSettings } from '../edge.ts';
import type { PeerOf } from '../entrance.ts';
import { sendRaw } from '../raw-answer.ts';
import { bearerOf } from '../requests.ts';

export interface Served extends AsyncDisposable {
  readonly edge: Edge;
  readonly url: string;
  readonly port: number;
  /** Answers all that wait. */
  readonly release: () => void;
  /** The bodies of what reached `/echo`, in order. */
  readonly echoed: readonly string[];
  readonly gauge: (name: string) => number;
}

/** Every bearer is a key, but for those that are invented. */
export const byBearer: PeerOf = ({ headers }) => {
  const key = bearerOf(headers);
  if (key !== undefined && !key.startsWith('invented')) return key;
  throw new Problem('unauthenticated', 'no tenant has this key');
};

/** `/wait` answers when it is released, `/echo` with the length of what it was sent. */
export async function serveRoutes(settings: EdgeSettings = {}): Promise<Served> {
  const gauges = new Map<string, () => number>();
  const prng = new SeededPrng(1);
  const metrics = metricsInto(gauges);
  const parts = { clock: createSystemClock(), logger: silentLogger, metrics, prng };
  const bounds = { refusalMs: 1, strangerMs: 1, ...settings.bounds };
  const edge = createEdge(parts, { ...settings, bounds });
  const released = Promise.withResolvers<void>();
  const echoed: string[] = [];
  addRoutes(edge, released.promise, echoed);
  await edge.listen({ host: '127.0.0.1', port: 0 });
  const { port } = edge.server.address() as AddressInfo;
  return {
    edge,
    url: `http://127.0.0.1:${port}`,
    port,
    echoed,
    release: released.resolve,
    gauge: (name) => gauges.get(`tidemark_edge_${name}`)?.() ?? Number.NaN,
    async [Symbol.asyncDispose]() {
      edge.server.closeAllConnections();
      await edge.close();
    },
  };
}

function addRoutes(edge: Edge, released: Promise<void>, echoed: string[]): void {
  edge.post('/wait', async (request) => {
    const { length } = bodyOf(request);
    await released;
    return String(length);
  });
  edge.post('/echo', (request) => {
    echoed.push(String(Buffer.from(bodyOf(request))));
    return Promise.resolve(String(bodyOf(request).length));
  });
  edge.get('/any/*', () => Promise.resolve('any'));
  edge.get('/read', () => Promise.resolve(`read ${echoed.length}`));
  edge.get('/open', { config: { isOpen: true } }, () => Promise.resolve('open'));
  // More than the system's own buffers take.
  const shared = new Uint8Array(30_000_000);
  const send = (reply: EdgeReply, bytes: Uint8Array): EdgeReply => {
    sendRaw(reply, 200, { headers: [], body: { pieces: [bytes], lengthBytes: bytes.length } });
    return reply;
  };
  edge.get('/shared', (_request, reply) => send(reply, shared));
  edge.get('/large', (_request, reply) => send(reply, new Uint8Array(30_000_000)));
  edge.get('/late', async (_request, reply) => {
    await released;
    return send(reply, new Uint8Array(30_000_000));
  });
}

const metricsInto = (gauges: Map<string, () => number>): Metrics => ({
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined }),
  observedGauge: ({ name }: MetricShape, read) => void gauges.set(name, read),
  histogram: () => ({ observe: () => undefined }),
});

/**
 * What was sent has come, and what came of it was sent: in so many turns of the loop, which is all that a busy machine
 * lets a process have, however long they take.
 */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 25; turn += 1) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A request as it goes over a connection. */
export function requestText(
  line: string,
  { key, body, headers = '' }: { key?: string; body?: string; headers?: string } = {},
): string {
  const authorization = key === undefined ? '' : `authorization: Bearer ${key}\r\n`;
  const type = 'content-type: text/plain\r\n';
  const length = body === undefined ? '' : `${type}content-length: ${body.length}\r\n`;
  return `${line} HTTP/1.1\r\nhost: localhost\r\n${authorization}${headers}${length}\r\n${body ?? ''}`;
}

/** All that comes over one connection until it ends. */
export async function answersTo(port: number, requests: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  let text = '';
  socket.on('data', (piece: string) => {
    text += piece;
  });
  socket.on('error', () => undefined);
  socket.write(requests);
  await once(socket, 'close');
  return text;
}

export const statusesIn = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => String(status));

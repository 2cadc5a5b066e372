import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { silentLogger } from '@tidemark/ports';
import { SeededPrng } from '@tidemark/ports/testing';
import { afterEach, expect, test } from 'vitest';
import { type AdmissionBounds, admissionDefaults } from './admission.ts';
import { bodyOf, createEdge, type Edge } from './edge.ts';
import { sendRaw } from './raw-answer.ts';
import { systemClock } from './system.ts';

const noMetrics = {
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined }),
  observedGauge: () => undefined,
  histogram: () => ({ observe: () => undefined }),
};

const open: Edge[] = [];

afterEach(async () => {
  for (const edge of open.splice(0)) {
    edge.server.closeAllConnections();
    await edge.close();
  }
});

interface Served {
  readonly url: string;
  readonly port: number;
  readonly release: () => void;
}

/** `/wait` answers when it is released, `/echo` with the length of what it was sent. */
async function serve(bounds: Partial<AdmissionBounds>): Promise<Served> {
  const parts = {
    clock: systemClock,
    logger: silentLogger,
    metrics: noMetrics,
    prng: new SeededPrng(1),
  };
  const edge = createEdge(parts, { ...admissionDefaults, refusalMs: 1, ...bounds });
  const released = Promise.withResolvers<void>();
  edge.post('/wait', async (request) => {
    const { length } = bodyOf(request);
    await released.promise;
    return String(length);
  });
  edge.post('/echo', (request) => Promise.resolve(String(bodyOf(request).length)));
  edge.get('/large', (_request, reply) => {
    // More than the system's own buffers take.
    const bytes = new Uint8Array(30_000_000);
    sendRaw(reply, 200, { headers: [], body: { pieces: [bytes], lengthBytes: bytes.length } });
    return reply;
  });
  await edge.listen({ host: '127.0.0.1', port: 0 });
  open.push(edge);
  const { port } = edge.server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, release: released.resolve };
}

const post = (url: string, body = 'x', key?: string): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'text/plain', ...(key && { authorization: key }) },
    body,
  });

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test('a write beyond the bound is refused with Retry-After, and admitted once there is room', async () => {
  const { url, release } = await serve({ writesMax: 2 });
  const waiting = [post(`${url}/wait`), post(`${url}/wait`)];
  await settled();
  const refused = await post(`${url}/echo`);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({ code: 'overloaded', effect: 'none' });
  release();
  for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(200);
  await settled();
  expect((await post(`${url}/echo`)).status).toBe(200);
});

test('one key leaves room for others', async () => {
  const { url, release } = await serve({ writesMax: 4, keyWritesMax: 1 });
  const waiting = post(`${url}/wait`, 'x', 'Bearer one');
  await settled();
  const refused = await post(`${url}/echo`, 'x', 'Bearer one');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect((await post(`${url}/echo`, 'x', 'Bearer two')).status).toBe(200);
  release();
  expect((await waiting).status).toBe(200);
});

test('bodies beyond the bound are refused while others are under way', async () => {
  const { url, release } = await serve({ bodyBytesMax: 100 });
  const waiting = post(`${url}/wait`, 'x'.repeat(80));
  await settled();
  const refused = await post(`${url}/echo`, 'x'.repeat(30));
  expect(await refused.json()).toMatchObject({ code: 'overloaded' });
  release();
  await waiting;
  await settled();
  expect(await (await post(`${url}/echo`, 'x'.repeat(90))).text()).toBe('90');
});

test('a body in many tiny chunks is one piece in the end', async () => {
  const { port } = await serve({});
  const socket = connect(port, '127.0.0.1');
  const head = 'POST /echo HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\n';
  socket.write(`${head}transfer-encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(20_000)}0\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(String(answer)).toMatch(/\r\n\r\n20000$/);
  socket.destroy();
});

test('large answers that nobody takes are bounded', async () => {
  const { url, port } = await serve({ owedBytesMax: 40_000_000 });
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n');
  await settled();
  const refused = await fetch(`${url}/large`);
  expect(refused.status).toBe(503);
  socket.destroy();
  await settled();
  expect((await fetch(`${url}/large`)).status).toBe(200);
});

// Against a server on loopback, with names that resolve to what each test says.

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bytesOf, textOf } from '@tidemark/std';
import { expect, test } from 'vitest';
import { createOutbound, type Resolver } from './outbound.ts';
import { createSystemClock } from './system.ts';

interface Receiver extends AsyncDisposable {
  readonly port: number;
  readonly bodies: string[];
}

async function startReceiver(answer: RequestListener): Promise<Receiver> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Uint8Array) => {
      body += textOf(chunk);
    });
    request.on('end', () => {
      bodies.push(body);
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    bodies,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const ok: RequestListener = (_request, response) => response.end('{}');
const toLoopback: Resolver = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);

const request = (url: string) => ({
  url,
  headers: { 'content-type': 'application/json' },
  body: bytesOf('{"a":1}'),
  timeoutMs: 5_000,
  responseBytesMax: 64,
  permits: (address: string) => address === '127.0.0.1',
});

const never = new AbortController().signal;

test('posts to the address that was judged', async () => {
  await using receiver = await startReceiver(ok);
  const outbound = createOutbound({ clock: createSystemClock(), resolve: toLoopback });
  const answer = await outbound.post(request(`http://hooks.example:${receiver.port}/a`), never);
  expect(answer.status).toBe(200);
  expect(receiver.bodies).toEqual(['{"a":1}']);
});

test('one forbidden address among those of a name refuses it, and nothing is sent', async () => {
  await using receiver = await startReceiver(ok);
  const resolve: Resolver = () =>
    Promise.resolve([
      { address: '127.0.0.1', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ]);
  const outbound = createOutbound({ clock: createSystemClock(), resolve });
  const posted = outbound.post(request(`http://hooks.example:${receiver.port}/`), never);
  await expect(posted).rejects.toMatchObject({ reason: 'denied', effect: 'none' });
  expect(receiver.bodies).toEqual([]);
});

test('a name that resolves differently for the socket is still the address judged', async () => {
  await using receiver = await startReceiver(ok);
  let asked = 0;
  const resolve: Resolver = () => {
    asked += 1;
    return Promise.resolve([{ address: asked === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }]);
  };
  const outbound = createOutbound({ clock: createSystemClock(), resolve });
  const url = `http://hooks.example:${receiver.port}/`;
  expect((await outbound.post(request(url), never)).status).toBe(200);
  // The next delivery resolves again, and is refused.
  await expect(outbound.post(request(url), never)).rejects.toMatchObject({ reason: 'denied' });
});

test('a redirect is an answer, not a way', async () => {
  await using receiver = await startReceiver((_request, response) => {
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  const outbound = createOutbound({ clock: createSystemClock() });
  const answer = await outbound.post(request(`http://127.0.0.1:${receiver.port}/`), never);
  expect(answer.status).toBe(307);
  expect(receiver.bodies).toHaveLength(1);
});

test('an answer just within the limit is taken, one byte more is not', async () => {
  await using receiver = await startReceiver((incoming, response) => {
    response.end('x'.repeat(incoming.url === '/fits' ? 64 : 65));
  });
  const outbound = createOutbound({ clock: createSystemClock() });
  const base = `http://127.0.0.1:${receiver.port}`;
  expect((await outbound.post(request(`${base}/fits`), never)).body).toHaveLength(64);
  await expect(outbound.post(request(`${base}/long`), never)).rejects.toMatchObject({
    reason: 'too-large',
  });
});

test('a receiver that does not answer is given up', async () => {
  await using receiver = await startReceiver(() => undefined);
  const outbound = createOutbound({ clock: createSystemClock() });
  const posted = outbound.post(
    { ...request(`http://127.0.0.1:${receiver.port}/`), timeoutMs: 50 },
    never,
  );
  await expect(posted).rejects.toMatchObject({ reason: 'unavailable', effect: 'unknown' });
});

test('the caller can end it', async () => {
  await using receiver = await startReceiver(() => undefined);
  const ending = new AbortController();
  const outbound = createOutbound({ clock: createSystemClock() });
  const posted = outbound.post(request(`http://127.0.0.1:${receiver.port}/`), ending.signal);
  ending.abort();
  await expect(posted).rejects.toMatchObject({ reason: 'unavailable' });
});

// Whoever shows no key costs next to nothing, and takes nothing from those who do.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { EdgeSettings } from './edge.ts';
import {
  answersTo,
  byBearer,
  requestText,
  type Served,
  serveRoutes,
  settled,
  statusesIn,
} from './testing/served.ts';

const open: (Served | Socket)[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) {
    if ('destroy' in one) one.destroy();
    else await one[Symbol.asyncDispose]();
  }
});

async function serve(settings: EdgeSettings = {}): Promise<Served> {
  const served = await serveRoutes({ peerOf: byBearer, ...settings });
  open.push(served);
  return served;
}

async function send(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  open.push(socket);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

const head = (key: string, bytes: number): string =>
  `POST /echo HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\ncontent-type: text/plain\r\ncontent-length: ${bytes}\r\n\r\n`;

const post = (url: string, key: string, body: string): Promise<Response> =>
  fetch(`${url}/echo`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'text/plain' },
  });

describe('a peer without a key', () => {
  test('has no part in the writes under way, with however many keys it invents', async () => {
    const { port, url, gauge } = await serve({ bounds: { writesMax: 64, strangerMs: 60_000 } });
    for (let index = 0; index < 200; index += 1) await send(port, head(`invented-${index}`, 100));
    await settled();
    expect(gauge('writes_in_flight')).toBe(0);
    expect((await post(url, 'real', 'x')).status).toBe(200);
  });

  test('has nothing read of its body', async () => {
    const { port, url, gauge } = await serve({
      bounds: { bodyBytesMax: 1_000_000, strangerMs: 60_000 },
    });
    for (let index = 0; index < 33; index += 1) {
      await send(port, head(`invented-${index}`, 8_000_000) + 'x'.repeat(1_000_000));
    }
    await settled();
    expect(gauge('body_bytes')).toBe(0);
    expect(await (await post(url, 'real', 'x'.repeat(500_000))).text()).toBe('500000');
  });

  test('is told so at last, and its connection ends, also while it still sends', async () => {
    const { port } = await serve();
    expect(statusesIn(await answersTo(port, requestText('GET /read')))).toEqual(['401']);
    const unfinished = head('invented', 8_000_000) + 'x'.repeat(300_000);
    expect(statusesIn(await answersTo(port, unfinished))).toEqual(['401']);
    expect(statusesIn(await answersTo(port, requestText('POST /nowhere', { body: 'x' })))).toEqual([
      '404',
    ]);
    const headOnly = await answersTo(port, requestText('HEAD /nowhere'));
    expect(headOnly).toMatch(/^HTTP\/1\.1 404[^]*\r\n\r\n$/);
  });

  test('is not invited to send its body, as who has one is', async () => {
    const { port, echoed } = await serve();
    const expecting = (key: string): string =>
      requestText('POST /echo', { key, body: 'x', headers: 'expect: 100-continue\r\n' });
    const [stranger = ''] = expecting('invented').split('\r\n\r\n');
    expect(statusesIn(await answersTo(port, `${stranger}\r\n\r\n`))).toEqual(['401']);
    const closing = 'connection: close\r\nexpect: 100-continue\r\n';
    const known = requestText('POST /echo', { key: 'real', body: 'x', headers: closing });
    expect(statusesIn(await answersTo(port, known))).toEqual(['100', '200']);
    expect(echoed).toEqual(['x']);
  });

  test('cannot bring a body through an open door either', async () => {
    const { port, gauge } = await serve();
    const preflight = `OPTIONS /echo HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n`;
    const text = `${preflight}content-length: 8000000\r\n\r\n${'x'.repeat(100_000)}`;
    expect(statusesIn(await answersTo(port, text))).toEqual(['400']);
    expect(gauge('body_bytes')).toBe(0);
  });

  test('waits for the refusal of a path that is none, as for any', async () => {
    const { port } = await serve({ bounds: { strangerMs: 200 } });
    const startMs = performance.now();
    const text = await answersTo(port, requestText('GET /any/%ff', { body: 'x' }).repeat(100));
    expect(statusesIn(text)).toEqual(['400']);
    expect(performance.now() - startMs).toBeGreaterThan(150);
  });

  test('waits for the end of what is no request, as for any refusal, whatever comes behind it', async () => {
    const { port } = await serve({ bounds: { strangerMs: 200 } });
    const startMs = performance.now();
    const answers = answersTo(port, '\0\0no request\r\n\r\n');
    const invented = requestText('POST /echo', { key: 'invented', body: 'x' });
    const behind = answersTo(port, `${invented}\0\0no request\r\n\r\n`);
    expect(statusesIn(await answers)).toEqual(['400']);
    expect(statusesIn(await behind)).toEqual(['401']);
    expect(performance.now() - startMs).toBeGreaterThan(150);
  });

  test.each([
    ['a request', head('invented', 100)],
    ['a request whose body has begun', `${head('invented', 100)}x`],
    ['no request', '\0\0\r\n'],
  ])('that breaks off while it waits frees its place: %s', async (_, text) => {
    const { port, gauge } = await serve({ bounds: { strangerMs: 60_000 } });
    const socket = await send(port, text);
    await settled();
    expect(gauge('stranger_connections')).toBe(1);
    socket.resetAndDestroy();
    await settled();
    expect(gauge('stranger_connections')).toBe(0);
  });

  test('that sends no more is told so where it waits', async () => {
    const { port } = await serve({ bounds: { strangerMs: 100 } });
    const socket = await send(port, requestText('GET /read'));
    socket.end();
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(statusesIn(String(answer))).toEqual(['401']);
  });

  test('has so many connections, of which the longest-standing goes for a newer one', async () => {
    const { port, url, gauge } = await serve({ bounds: { strangersMax: 4 } });
    const first = await send(port, '');
    const ended = once(first, 'close');
    for (let count = 0; count < 20; count += 1) await send(port, 'POST /echo HTT');
    await ended;
    expect(gauge('stranger_connections')).toBeLessThanOrEqual(4);
    expect((await post(url, 'real', 'x')).status).toBe(200);
  });

  test('may ask what anybody may, one after another', async () => {
    const { url } = await serve();
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/open`)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });
});

test('a connection over which a key was shown is no stranger’s any more', async () => {
  const { port, gauge } = await serve();
  const socket = await send(port, requestText('GET /read', { key: 'real' }));
  await once(socket, 'data');
  expect([gauge('connections'), gauge('stranger_connections')]).toEqual([1, 0]);
});

test('keys that have to be looked up are waited for before a body is read', async () => {
  const known = Promise.withResolvers<string>();
  const { url, gauge, echoed } = await serve({ peerOf: () => known.promise });
  const asked = post(url, 'new', 'x'.repeat(10_000));
  await settled();
  expect(gauge('body_bytes')).toBe(0);
  known.resolve('new');
  expect((await asked).status).toBe(200);
  expect(echoed).toHaveLength(1);
});

test('one key’s slow bodies leave room for those of others', async () => {
  const { port, url } = await serve({ bounds: { bodyBytesMax: 1_000_000 } });
  for (let index = 0; index < 30; index += 1) {
    await send(port, head('slow', 100_000) + 'x'.repeat(60_000));
  }
  await settled();
  expect((await post(url, 'quiet', 'x'.repeat(100_000))).status).toBe(200);
});

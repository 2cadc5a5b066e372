import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { AdmissionBounds } from './admission.ts';
import type { PeerOf } from './entrance.ts';
import {
  answersTo,
  byBearer,
  type Served,
  serveRoutes,
  settled,
  statusesIn,
} from './testing/served.ts';

const open: Served[] = [];

afterEach(async () => {
  for (const served of open.splice(0)) await served[Symbol.asyncDispose]();
});

async function serve(bounds: Partial<AdmissionBounds>, peerOf?: PeerOf): Promise<Served> {
  const served = await serveRoutes({ bounds, ...(peerOf && { peerOf }) });
  open.push(served);
  return served;
}

const post = (url: string, body = 'x', key?: string): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'text/plain', ...(key && { authorization: key }) },
    body,
  });

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
  const { url, release } = await serve({ writesMax: 8 }, byBearer);
  const waiting = Array.from({ length: 6 }, () => post(`${url}/wait`, 'x', 'Bearer one'));
  await settled();
  const refused = await post(`${url}/echo`, 'x', 'Bearer one');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect((await post(`${url}/echo`, 'x', 'Bearer two')).status).toBe(200);
  release();
  for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(200);
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

const write = 'POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx';
const read = 'GET /read HTTP/1.1\r\nhost: localhost\r\n\r\n';

/** One connection, one request at a time. */
function connection(port: number): (request: string) => Promise<string> {
  const socket = connect(port, '127.0.0.1');
  return async (request) => {
    socket.write(request);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return String(answer).slice('HTTP/1.1 '.length, 'HTTP/1.1 '.length + 3);
  };
}

test('refusals wait, each on its connection, which goes on behind them', async () => {
  const { port } = await serve({ writesMax: 0, refusalMs: 200 });
  const ask = connection(port);
  for (let round = 0; round < 3; round += 1) {
    const startMs = performance.now();
    expect(await ask(write)).toBe('503');
    expect(performance.now() - startMs).toBeGreaterThan(150);
    expect(await ask(read)).toBe('200');
  }
});

const statusesOf = async (port: number, requests: string): Promise<string[]> =>
  statusesIn(await answersTo(port, requests));

describe('a connection ends with the refusal that something was sent behind', () => {
  const bare = (line: string): string => `${line} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
  test.each([
    ['a read', `${write}${read}`, ['503']],
    ['a bad path', `${write}${bare('GET /%zz')}`, ['503']],
    ['no host', `${write}GET /read HTTP/1.1\r\n\r\n`, ['503']],
    ['nonsense', `${write}nonsense\r\n\r\n`, ['503']],
    [
      'an expectation',
      `${write}GET /read HTTP/1.1\r\nhost: localhost\r\nexpect: x\r\n\r\n`,
      ['503'],
    ],
  ])('%s', async (_what, requests, statuses) => {
    const { port } = await serve({ writesMax: 0, refusalMs: 3_600_000 });
    expect(await statusesOf(port, requests)).toEqual(statuses);
  });
});

test('a write behind one that nobody refused is not executed', async () => {
  const { port, url, release } = await serve({ writesMax: 1, refusalMs: 50 });
  const waiting = post(`${url}/wait`);
  await settled();
  const statuses = statusesOf(port, `${write}${write}`);
  await settled();
  release();
  expect(await statuses).toEqual(['503']);
  expect((await waiting).status).toBe(200);
});

test('a refusal behind an answer comes behind it, and ends what was sent ahead', async () => {
  const { port } = await serve({ writesMax: 0, refusalMs: 20 });
  expect(await statusesOf(port, `${read}${write}${write}${read}`)).toEqual(['200', '503']);
});

test('HTTP/1.0 is answered as well', async () => {
  const { port } = await serve({ writesMax: 0, refusalMs: 10 });
  const head = 'POST /echo HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx';
  const ask = connection(port);
  expect([await ask(head), await ask(head)]).toEqual(['503', '503']);
});

test('a refusal is a problem as any other, also where the connection ends with it', async () => {
  const { url } = await serve({ writesMax: 0 });
  for (const connection of ['keep-alive', 'close']) {
    const answer = await fetch(`${url}/echo`, {
      method: 'POST',
      body: 'x',
      headers: { connection },
    });
    const { headers } = answer;
    expect(answer.status).toBe(503);
    expect(headers.get('retry-after')).toBe('1');
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('date')).not.toBeNull();
    const body = await answer.json();
    expect(body).toMatchObject({ code: 'overloaded', status: 503, effect: 'none' });
    expect(body).toMatchObject({ instance: headers.get('request-id') });
  }
});

test('a refusal that still waits is told where the process stops', async () => {
  const { port } = await serve({ writesMax: 0, refusalMs: 3_600_000 });
  const asked = connection(port)(write);
  await settled();
  await open.pop()?.edge.close();
  expect(await asked).toBe('503');
});

test('what is left of a refused body is taken once its connection is read again', async () => {
  const { port } = await serve({ writesMax: 0, refusalMs: 50 });
  const socket = connect(port, '127.0.0.1');
  socket.write('POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000000\r\n\r\n');
  expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 503/);
  socket.write(Buffer.alloc(10_000_000));
  socket.write(read);
  expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 200/);
  socket.destroy();
});

test('a body in many tiny chunks is one piece in the end', async () => {
  const { port } = await serve({});
  const socket = connect(port, '127.0.0.1');
  const head = 'POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n';
  socket.write(`${head}transfer-encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(20_000)}0\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(String(answer)).toMatch(/\r\n\r\n20000$/);
  socket.destroy();
});

async function stalledReader(port: number, path: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  await settled();
  return socket;
}

describe('large answers that nobody takes', () => {
  test('are bounded', async () => {
    const { url, port } = await serve({ owedBytesMax: 40_000_000 });
    const socket = await stalledReader(port, '/large');
    expect((await fetch(`${url}/large`)).status).toBe(503);
    socket.destroy();
    await settled();
    expect((await fetch(`${url}/large`)).status).toBe(200);
  });

  test('cost what they hold together: one piece of memory once, however many wait for it', async () => {
    const { url, port, gauge } = await serve({ owedBytesMax: 40_000_000 });
    for (let count = 0; count < 34; count += 1) await stalledReader(port, '/shared');
    expect(gauge('owed_bytes')).toBe(30_000_000);
    expect((await fetch(`${url}/shared`)).status).toBe(200);
  });

  test('are owed to nobody once their connections are gone, whenever those went', async () => {
    const { port, url, gauge, release } = await serve({ owedBytesMax: 100_000_000 });
    for (let count = 0; count < 10; count += 1) {
      const socket = await stalledReader(port, '/late');
      socket.destroy();
    }
    await settled();
    release();
    await settled();
    expect(gauge('owed_bytes')).toBe(0);
    expect((await fetch(`${url}/large`)).status).toBe(200);
  });
});

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type AppProcess, startApp } from '@tidemark/infra';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { residentOf } from './overload-run.ts';

let folder: string;
let server: AppProcess;
const sockets: Socket[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-abuse-'));
  const env = { TIDEMARK_DATA_DIR: join(folder, 'data') };
  server = await startApp({ app: 'server', index: 0, folder, env });
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function answers(): Promise<number> {
  const { status } = await fetch(`${server.url}/readyz`);
  return status;
}

async function opened(text = ''): Promise<Socket> {
  const socket = connect(server.port, server.host);
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

const head = (path: string, more = ''): string =>
  `POST /v1/stream/${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n${more}`;

async function firstAnswer(socket: Socket): Promise<string> {
  const [piece] = (await once(socket, 'data')) as [Buffer];
  return String(piece);
}

test('requests that are sent a byte at a time hold nothing but themselves', async () => {
  for (let index = 0; index < 300; index += 1) {
    await opened(head('slow', 'content-length: 8000000\r\n\r\n').slice(0, index % 90));
  }
  for (let round = 0; round < 10; round += 1) {
    for (const socket of sockets) socket.write('a');
    expect(await answers()).toBe(200);
    await delay(50);
  }
});

test('bodies that are announced and never sent take no room', async () => {
  const before = residentOf(server.pid);
  for (let index = 0; index < 300; index += 1) {
    await opened(head('announced', 'content-length: 8000000\r\n\r\n'));
  }
  expect(await answers()).toBe(200);
  expect(residentOf(server.pid) - before).toBeLessThan(300);
});

test('two thousand idle connections are idle', async () => {
  for (let index = 0; index < 2_000; index += 1) await opened();
  expect(await answers()).toBe(200);
});

test('connections that are reset in the middle of everything leave nothing behind', async () => {
  for (let index = 0; index < 200; index += 1) {
    const socket = await opened(head('reset', 'content-length: 100\r\n\r\nhalf'));
    socket.resetAndDestroy();
  }
  expect(await answers()).toBe(200);
  const metrics = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text();
  await expect.poll(metrics).toMatch(/^tidemark_edge_writes_in_flight 0$/m);
  expect(await metrics()).toMatch(/^tidemark_edge_body_bytes 0$/m);
});

test('huge headers are refused with 431', async () => {
  const socket = await opened(head('huge', `x-huge: ${'h'.repeat(100_000)}\r\n\r\n`));
  expect(await firstAnswer(socket)).toMatch(/^HTTP\/1\.1 431 /);
});

test('a body in chunks of one byte is taken as one, and costs no more than it is', async () => {
  await fetch(`${server.url}/v1/stream/tiny`, {
    method: 'PUT',
    headers: { 'content-type': 'text/plain' },
  });
  const before = residentOf(server.pid);
  const socket = await opened(head('tiny', 'transfer-encoding: chunked\r\n\r\n'));
  const answer = firstAnswer(socket);
  for (let sent = 0; sent < 1_000_000; sent += 20_000) {
    if (!socket.write('1\r\nx\r\n'.repeat(20_000))) await once(socket, 'drain');
  }
  socket.write('0\r\n\r\n');
  expect(await answer).toMatch(/^HTTP\/1\.1 204 /);
  expect(residentOf(server.pid) - before).toBeLessThan(200);
});

test('a body without an end is refused at the limit', async () => {
  const socket = await opened(head('endless', 'transfer-encoding: chunked\r\n\r\n'));
  const answer = firstAnswer(socket);
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
  for (let sent = 0; sent < 10 * 1024 * 1024; sent += 65_536) socket.write(chunk);
  expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
});

test('readers that never read are owed a bounded part of what there is', async () => {
  const url = `${server.url}/v1/stream/unread`;
  const headers = { 'content-type': 'text/plain' };
  await fetch(url, { method: 'PUT', headers });
  const body = 'x'.repeat(4_000_000);
  for (let index = 0; index < 8; index += 1) await fetch(url, { method: 'POST', headers, body });
  const before = residentOf(server.pid);
  for (let index = 0; index < 40; index += 1) {
    const live = index % 2 === 0 ? '&live=sse' : '';
    const socket = await opened(
      `GET /v1/stream/unread?offset=-1${live} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
    );
    socket.pause();
  }
  expect(await answers()).toBe(200);
  expect(residentOf(server.pid) - before).toBeLessThan(400);
  const append = await fetch(url, { method: 'POST', headers, body: 'more' });
  expect(append.status).toBe(204);
});

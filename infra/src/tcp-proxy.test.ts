import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

interface World extends AsyncDisposable {
  readonly proxy: TcpProxy;
  readonly received: Buffer[];
  open(): Promise<Socket>;
}

/** An echo server behind a proxy. */
async function openWorld(): Promise<World> {
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received.push(chunk);
      socket.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startTcpProxy({
    target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
  });
  return {
    proxy,
    received,
    async open() {
      const socket = connect(proxy.port, proxy.host);
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      server.close();
    },
  };
}

test('forwards both directions', async () => {
  await using world = await openWorld();
  const socket = await world.open();
  socket.write('hello');
  expect(String((await once(socket, 'data'))[0])).toBe('hello');
});

test('cut resets connections and refuses new ones until release', async () => {
  await using world = await openWorld();
  const socket = await world.open();
  socket.write('hello');
  await once(socket, 'data');
  const reset = new Promise((resolve) => socket.once('error', resolve));
  world.proxy.cut();
  expect(await reset).toMatchObject({ code: 'ECONNRESET' });
  const refused = connect(world.proxy.port, world.proxy.host);
  expect(await new Promise((resolve) => refused.once('error', resolve))).toMatchObject({
    code: 'ECONNRESET',
  });
  world.proxy.release();
  const again = await world.open();
  again.write('again');
  expect(String((await once(again, 'data'))[0])).toBe('again');
});

test('stall keeps bytes back and release lets them through', async () => {
  await using world = await openWorld();
  const socket = await world.open();
  socket.write('one');
  await once(socket, 'data');
  world.proxy.stall();
  const answers: string[] = [];
  socket.on('data', (chunk) => answers.push(String(chunk)));
  socket.write('two');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(answers).toEqual([]);
  world.proxy.release();
  await once(socket, 'data');
  expect(answers.join('')).toBe('two');
});

test('delay holds each chunk back and keeps the order', async () => {
  await using world = await openWorld();
  const socket = await world.open();
  world.proxy.delay(20);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += String(chunk);
  });
  socket.write('one');
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(answer).toBe('');
  socket.write('two');
  while (answer.length < 6) await once(socket, 'data');
  expect(answer).toBe('onetwo');
});

test('a request gets through and its answer never comes', async () => {
  await using world = await openWorld();
  const socket = await world.open();
  world.proxy.dropAfterRequestBytes(1);
  const answers: string[] = [];
  socket.on('data', (chunk) => answers.push(String(chunk)));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write('request');
  await closed;
  expect(Buffer.concat(world.received).toString()).toBe('request');
  expect(answers).toEqual([]);
});

test('what was held back keeps its order when the delay ends', async () => {
  await using world = await openWorld();
  const socket = await world.open();
  const answers: string[] = [];
  socket.on('data', (chunk) => answers.push(String(chunk)));
  world.proxy.delay(40);
  socket.write('one');
  await new Promise((resolve) => setTimeout(resolve, 10));
  world.proxy.delay(0);
  socket.write('two');
  while (answers.join('').length < 6) await once(socket, 'data');
  expect(answers.join('')).toBe('onetwo');
});

test('a connection whose answer was thrown away does not go on', async () => {
  await using world = await openWorld();
  const socket = await world.open();
  world.proxy.dropAfterRequestBytes(1_000);
  const reset = new Promise((resolve) => socket.once('error', resolve));
  socket.write('one');
  while (world.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  world.proxy.release();
  expect(await reset).toMatchObject({ code: 'ECONNRESET' });
});

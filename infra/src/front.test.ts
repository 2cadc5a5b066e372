import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { type Front, startFront } from './front.ts';

/** Refuses bodies by their announced length, unread, as ingest does; answers all else with its method. */
async function openFront(): Promise<Front> {
  const upstream = createServer((request, response) => {
    const isRefused = Number(request.headers['content-length'] ?? 0) > 1_024;
    response.writeHead(isRefused ? 413 : 200).end(request.method);
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const front = await startFront({ upstreams: () => [{ host: '127.0.0.1', port }] });
  return {
    url: front.url,
    port: front.port,
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]();
      upstream.closeAllConnections();
      upstream.close();
    },
  };
}

test('a request behind one that was refused unread is answered', async () => {
  await using front = await openFront();
  const socket = connect(front.port, '127.0.0.1');
  const told: string[] = [];
  socket.setEncoding('utf8').on('data', (text: string) => told.push(text));
  const body = Buffer.alloc(10 * 1024 * 1024);
  socket.write(`POST /v1/stream/a HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n`);
  socket.write(body.subarray(0, 1));
  while (!told.join('').includes('POST')) await once(socket, 'data');
  // A client that has its answer while it still sends does not stop for it.
  socket.write(body.subarray(1));
  socket.write('GET /v1/stream/a HTTP/1.1\r\nhost: a\r\n\r\n');
  while (!told.join('').includes('GET')) await once(socket, 'data');
  socket.destroy();
  expect(told.join('').match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
});

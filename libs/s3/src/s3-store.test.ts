// The store against a server that misbehaves on purpose; real servers are in s3-store.int.test.ts.

import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ObjectStore } from '@tidemark/ports';
import { bytesOf, Secret, textOf } from '@tidemark/std';
import { afterEach, describe, expect, test } from 'vitest';
import { openS3Store } from './s3-store.ts';
import { plainComponents } from './testing/plain-store.ts';

let server: Server;

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function storeOver(
  answer: RequestListener,
  attemptMs = 5_000,
): Promise<{ store: ObjectStore; calls: () => number }> {
  let calls = 0;
  server = createServer((request, response) => {
    calls += 1;
    request.resume();
    request.on('end', () => answer(request, response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const store = await openS3Store(plainComponents, {
    bucket: 'b',
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: 'a',
    secretAccessKey: new Secret('s'),
    attemptMs,
  });
  return { store, calls: () => calls };
}

const effectOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    (cause: { reason?: string; effect?: string }) => `${cause.reason} ${cause.effect}`,
  );

describe('the S3 store', () => {
  test('a read is repeated over a server error', async () => {
    const { store, calls } = await storeOver((_, response) => {
      if (calls() < 3) return response.writeHead(503).end();
      return response.writeHead(200, { etag: '"e"' }).end('body');
    });
    const object = await store.get('k');
    expect([textOf(object?.body ?? bytesOf('')), object?.etag, calls()]).toEqual([
      'body',
      '"e"',
      3,
    ]);
  });

  test('a read gives up after its attempts', async () => {
    const { store, calls } = await storeOver((_, response) => void response.writeHead(500).end());
    expect(await effectOf(store.get('k'))).toBe('unavailable none');
    expect(calls()).toBe(5);
  });

  test('a conditional write is attempted once where it may have happened', async () => {
    for (const status of [500, 503]) {
      const { store, calls } = await storeOver((_, response) => {
        response.writeHead(status).end();
      });
      expect(await effectOf(store.putIfAbsent('k', bytesOf('x')))).toBe('unavailable unknown');
      expect(calls()).toBe(1);
      server.close();
    }
  });

  test('a connection that is cut after the request leaves the effect unknown', async () => {
    const { store, calls } = await storeOver((request) => void request.socket.destroy());
    const write = { expected: '"e"', body: bytesOf('x') };
    expect(await effectOf(store.compareAndSwap('k', write))).toBe('unavailable unknown');
    expect(calls()).toBe(1);
  });

  test('a server that never answers leaves the effect of a write unknown', async () => {
    const { store } = await storeOver(() => undefined, 50);
    expect(await effectOf(store.putIfAbsent('k', bytesOf('x')))).toBe('unavailable unknown');
  });

  test('a conflict with another write is attempted again: nothing was written', async () => {
    const conflict = '<Error><Code>ConditionalRequestConflict</Code></Error>';
    const { store, calls } = await storeOver((_, response) => {
      if (calls() === 1) response.writeHead(409).end(conflict);
      else response.writeHead(200, { etag: '"e"' }).end();
    });
    expect(await store.putIfAbsent('k', bytesOf('x'))).toEqual({ kind: 'stored', etag: '"e"' });
    expect(calls()).toBe(2);
  });

  test('a server that is not there has certainly written nothing', async () => {
    const { store } = await storeOver(() => undefined);
    server.close();
    expect(await effectOf(store.putIfAbsent('k', bytesOf('x')))).toBe('unavailable none');
  });

  test('the signal ends the waiting between attempts', async () => {
    const controller = new AbortController();
    const { store } = await storeOver((_, response) => {
      response.writeHead(503).end();
      setImmediate(() => controller.abort());
    });
    expect(await effectOf(store.get('k', controller.signal))).toBe('aborted none');
  });

  test('a body that does not match its checksum is never handed out', async () => {
    const { store } = await storeOver((_, response) => {
      response.writeHead(200, { etag: '"e"', 'x-amz-checksum-crc32': 'AAAAAA==' }).end('body');
    });
    expect(await effectOf(store.get('k'))).toBe('corrupt none');
  });
});

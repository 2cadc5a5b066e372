// The store against a server that misbehaves on purpose; real servers are in s3-store.int.test.ts.

import { bytesOf, textOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { storeOver } from './testing/store-over.ts';

const effectOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    (cause: { reason?: string; effect?: string }) => `${cause.reason} ${cause.effect}`,
  );

describe('the S3 store', () => {
  test('a read is repeated over a server error', async () => {
    const { store, asked } = await storeOver((_, response) => {
      if (asked.length < 3) return response.writeHead(503).end();
      return response.writeHead(200, { etag: '"e"' }).end('body');
    });
    const object = await store.get('k');
    expect([textOf(object?.body ?? bytesOf('')), object?.etag, asked.length]).toEqual([
      'body',
      '"e"',
      3,
    ]);
  });

  test('a read gives up after its attempts', async () => {
    const { store, asked } = await storeOver((_, response) => void response.writeHead(500).end());
    expect(await effectOf(store.get('k'))).toBe('unavailable none');
    expect(asked.length).toBe(5);
  });

  test('a conditional write is attempted once where it may have happened', async () => {
    for (const status of [500, 503]) {
      const { store, asked } = await storeOver((_, response) => {
        response.writeHead(status).end();
      });
      expect(await effectOf(store.putIfAbsent('k', bytesOf('x')))).toBe('unavailable unknown');
      expect(asked.length).toBe(1);
    }
  });

  test('a connection that is cut after the request leaves the effect unknown', async () => {
    const { store, asked } = await storeOver((request) => void request.socket.destroy());
    const write = { expected: '"e"', body: bytesOf('x') };
    expect(await effectOf(store.compareAndSwap('k', write))).toBe('unavailable unknown');
    expect(asked.length).toBe(1);
  });

  test('a server that never answers leaves the effect of a write unknown', async () => {
    const { store } = await storeOver(() => undefined, { attemptMs: 50 });
    expect(await effectOf(store.putIfAbsent('k', bytesOf('x')))).toBe('unavailable unknown');
  });

  test('a conflict with another write is attempted again: nothing was written', async () => {
    const conflict = '<Error><Code>ConditionalRequestConflict</Code></Error>';
    const { store, asked } = await storeOver((_, response) => {
      if (asked.length === 1) response.writeHead(409).end(conflict);
      else response.writeHead(200, { etag: '"e"' }).end();
    });
    expect(await store.putIfAbsent('k', bytesOf('x'))).toEqual({ kind: 'stored', etag: '"e"' });
    expect(asked.length).toBe(2);
  });

  test('a server that is not there has certainly written nothing', async () => {
    const { store, server } = await storeOver(() => undefined);
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

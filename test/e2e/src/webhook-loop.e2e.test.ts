// A webhook whose target is a stream of the server itself, which the subscription follows.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '@tidemark/infra';
import { expect, test } from 'vitest';

const headers = { 'content-type': 'application/json' };

test('does not feed itself: its deliveries are refused, and any other append is taken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-loop-'));
  const delivered = Promise.withResolvers<IncomingHttpHeaders>();
  const refused = Promise.withResolvers<void>();
  await using server = await startApp({
    app: 'server',
    index: 0,
    folder,
    env: { TIDEMARK_DATA_DIR: join(folder, 'data') },
  });
  const stream = `${server.url}/v1/stream/events`;
  /** Stands between, so that the test sees what the server sends to itself. */
  const between = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      delivered.resolve(request.headers);
      const { host: _, connection: __, 'content-length': ___, ...sent } = request.headers;
      const passed = sent as Record<string, string>;
      void fetch(stream, { method: 'POST', headers: passed, body: Buffer.concat(chunks) }).then(
        ({ status }) => {
          if (status === 400) refused.resolve();
          response.writeHead(status).end();
        },
      );
    });
  });
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
  const { port } = between.address() as AddressInfo;
  const subscription = {
    type: 'webhook',
    streams: ['events'],
    webhook: { url: `http://127.0.0.1:${port}/` },
  };
  await fetch(stream, { method: 'PUT', headers });
  const made = await fetch(`${server.url}/v1/stream/__ds/subscriptions/loop`, {
    method: 'PUT',
    headers,
    body: JSON.stringify(subscription),
  });
  expect(made.status).toBe(201);
  await fetch(stream, { method: 'POST', headers, body: '1' });
  expect((await delivered.promise)['tidemark-delivery']).toMatch(/^[0-9a-f]{32}$/);
  await refused.promise;
  const foreign = { ...headers, 'tidemark-delivery': 'another cell' };
  expect((await fetch(stream, { method: 'POST', headers: foreign, body: '2' })).status).toBe(204);
  expect(await (await fetch(`${stream}?offset=-1`)).json()).toEqual([1, 2]);
  await new Promise((resolve) => between.close(resolve));
  await rm(folder, { recursive: true });
});

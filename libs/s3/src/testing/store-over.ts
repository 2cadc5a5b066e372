// A store over a server that answers as a test says.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ObjectStore } from '@tidemark/ports';
import { Secret } from '@tidemark/std';
import { onTestFinished } from 'vitest';
import { openS3Store, type S3StoreSettings } from '../s3-store.ts';
import { plainComponents } from './plain-store.ts';

export interface StoreOver {
  readonly store: ObjectStore;
  /** What the server was asked so far. */
  readonly asked: readonly IncomingMessage[];
  readonly server: Server;
}

/** The server goes with the test. */
export async function storeOver(
  answer: RequestListener,
  settings: Partial<S3StoreSettings> = {},
): Promise<StoreOver> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    request.resume();
    request.on('end', () => answer(request, response));
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
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
    attemptMs: 5_000,
    ...settings,
  });
  return { store, asked, server };
}

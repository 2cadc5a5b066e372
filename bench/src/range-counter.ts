// Ranged reads on their way to an S3 server, each with what it asks of and when.

import { type AddressInfo, connect, createServer } from 'node:net';

export interface RangedRead {
  readonly path: string;
  readonly atMs: number;
}

export interface RangeCounter extends AsyncDisposable {
  readonly endpoint: string;
  readonly reads: readonly RangedRead[];
}

const request = /GET (\S+) HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)*?range: bytes=/gi;

/** Stands before the server and passes on all that comes. */
export async function countRanges(endpoint: string): Promise<RangeCounter> {
  const { hostname, port } = new URL(endpoint);
  const reads: RangedRead[] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    client.on('data', (bytes) => {
      const atMs = performance.now();
      // A request without a body is sent in one piece.
      const found = bytes.toString('latin1').matchAll(request);
      for (const [, path = ''] of found) reads.push({ path, atMs });
    });
    for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', () => undefined);
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reads,
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
}

// Ranged reads on their way to an S3 server, each with what it asks of and when. What somebody asks for in good time may
// be on its way before it is wanted: what is waited for is told by holding the rest back.

import { type AddressInfo, connect, createServer } from 'node:net';

export interface RangedRead {
  readonly path: string;
  /** Since when the server knows of it. */
  readonly atMs: number;
}

export interface RangeCounter extends AsyncDisposable {
  readonly endpoint: string;
  readonly reads: readonly RangedRead[];
  /** From now on each object of these paths is read so often, and no further until `release`. */
  hold(paths: RegExp, readsOfOneMax: number): void;
  release(): void;
}

const request = /GET ([^\s?]+)\S* HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)*?range: bytes=/i;

/** Stands before the server and passes on all that comes. */
export async function countRanges(endpoint: string): Promise<RangeCounter> {
  const { hostname, port } = new URL(endpoint);
  const reads: RangedRead[] = [];
  const held: (() => void)[] = [];
  const counts = new Map<string, number>();
  let limit: { readonly paths: RegExp; readonly countMax: number } | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    client.on('data', (bytes) => {
      // A request without a body is sent in one piece.
      const [, path] = request.exec(bytes.toString('latin1')) ?? [];
      const pass = (): void => {
        if (path !== undefined) reads.push({ path, atMs: performance.now() });
        upstream.write(bytes);
      };
      if (path === undefined || limit?.paths.test(path) !== true) return pass();
      const count = (counts.get(path) ?? 0) + 1;
      counts.set(path, count);
      if (count > limit.countMax) held.push(pass);
      else pass();
    });
    for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', () => undefined);
    upstream.pipe(client);
    client.once('end', () => upstream.end());
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reads,
    hold(paths, countMax) {
      counts.clear();
      limit = { paths, countMax };
    },
    release() {
      limit = undefined;
      for (const pass of held.splice(0)) pass();
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
}

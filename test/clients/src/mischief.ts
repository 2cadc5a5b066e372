// A proxy as bad as networks get, by a seed: requests are lost before they arrive or after, repeated at once or
// much later, arrive after their sender has given up, are answered late, in half, or by somebody else. Streams
// and sockets are cut anywhere. It counts what it did, so that a test can tell that it was hurt.

import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export const deeds = [
  'lose',
  'swallow',
  'repeat',
  'repeatLater',
  'arriveLate',
  'delay',
  'refuse',
  'halve',
] as const;
export type Deed = (typeof deeds)[number];

export interface MischiefOptions {
  readonly port: number;
  readonly seed: number;
  /** Of a request to be hurt; 0 leaves all alone. */
  readonly share?: number;
  readonly deeds?: readonly Deed[];
  /** Streams and sockets live so many bytes at most. */
  readonly streamBytesMax?: number;
  readonly refusesSockets?: boolean;
  /** Streams are kept back until they end, as some proxies do. */
  readonly holdsStreams?: boolean;
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export class Mischief implements AsyncDisposable {
  readonly done = new Map<string, number>();
  readonly #options: MischiefOptions;
  readonly #server = createServer((incoming, reply) => void this.#take(incoming, reply));
  readonly #sockets = new Set<Socket>();
  #random: number;

  private constructor(options: MischiefOptions) {
    this.#options = options;
    this.#random = options.seed;
    this.#server.on('upgrade', (incoming, socket: Socket, head: Buffer) =>
      this.#upgrade(incoming, socket, head),
    );
  }

  static async start(options: MischiefOptions): Promise<Mischief> {
    const mischief = new Mischief(options);
    mischief.#server.listen(0, '127.0.0.1');
    await once(mischief.#server, 'listening');
    return mischief;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  count(deed: string): number {
    return this.done.get(deed) ?? 0;
  }

  #note(deed: string): void {
    this.done.set(deed, this.count(deed) + 1);
  }

  /** Mulberry32. */
  #draw(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  async #take(incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    incoming.on('error', () => undefined);
    for await (const piece of incoming) pieces.push(piece as Buffer);
    const { method = 'GET', url: path = '/', headers } = incoming;
    const sent = { method, path, headers, body: Buffer.concat(pieces) };
    try {
      if (headers.accept === 'text/event-stream') return this.#stream(sent, reply);
      const { share = 0, deeds: allowed = deeds } = this.#options;
      const isHurt = method !== 'OPTIONS' && this.#draw() < share;
      const deed = allowed[Math.floor(this.#draw() * allowed.length)];
      if (!isHurt || deed === undefined) return give(reply, await this.#forward(sent));
      this.#note(deed);
      await this.#hurt(deed, sent, reply);
    } catch {
      reply.destroy();
    }
  }

  async #hurt(deed: Deed, sent: Sent, reply: ServerResponse): Promise<void> {
    switch (deed) {
      case 'lose':
        reply.destroy();
        return;
      case 'swallow':
        await this.#forward(sent);
        reply.destroy();
        return;
      case 'repeat':
        await this.#forward(sent);
        return give(reply, await this.#forward(sent));
      case 'repeatLater':
        give(reply, await this.#forward(sent));
        await delay(200 + 600 * this.#draw());
        await this.#forward(sent);
        return;
      case 'arriveLate':
        reply.destroy();
        await delay(100 + 400 * this.#draw());
        await this.#forward(sent);
        return;
      case 'delay':
        await delay(50 + 250 * this.#draw());
        return give(reply, await this.#forward(sent));
      case 'refuse': {
        const origin = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' };
        const headers = { ...origin, 'content-type': 'text/html', 'retry-after': '0' };
        return give(reply, { status: 502, headers, body: Buffer.from('<h1>Bad Gateway</h1>') });
      }
      case 'halve': {
        const { status, headers, body } = await this.#forward(sent);
        reply.writeHead(status, headers);
        reply.write(body.subarray(0, body.length / 2), () => reply.destroy());
      }
    }
  }

  #forward({ method, path, headers, body }: Sent): Promise<Answer> {
    const { port } = this.#options;
    return new Promise((resolve, reject) => {
      const host = { ...headers, host: `127.0.0.1:${port}` };
      const outgoing = request({ host: '127.0.0.1', port, method, path, headers: host });
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.once('error', reject);
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(pieces),
          }),
        );
      });
      outgoing.end(body);
    });
  }

  #stream({ method, path, headers }: Sent, reply: ServerResponse): void {
    this.#note('stream');
    const { port, streamBytesMax = Infinity, holdsStreams = false } = this.#options;
    const host = { ...headers, host: `127.0.0.1:${port}` };
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers: host });
    let left = Math.ceil(streamBytesMax * this.#draw());
    outgoing.once('error', () => reply.destroy());
    outgoing.once('response', (response) => {
      reply.writeHead(response.statusCode ?? 0, response.headers);
      if (!holdsStreams) reply.flushHeaders();
      response.once('error', () => reply.destroy());
      response.once('end', () => reply.end());
      response.on('data', (piece: Buffer) => {
        if (holdsStreams) return;
        if (left > 0) reply.write(piece.subarray(0, left));
        left -= piece.length;
        if (left > 0) return;
        this.#note('cutStream');
        reply.destroy();
      });
    });
    reply.once('close', () => outgoing.destroy());
    outgoing.end();
  }

  #upgrade({ method, url, rawHeaders }: IncomingMessage, socket: Socket, head: Buffer): void {
    const { port, refusesSockets = false, streamBytesMax = Infinity } = this.#options;
    socket.on('error', () => undefined);
    this.#note('socket');
    if (refusesSockets) {
      socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      return;
    }
    const onward = connect(port, '127.0.0.1');
    this.#sockets.add(socket).add(onward);
    const end = (): void => {
      socket.destroy();
      onward.destroy();
    };
    for (const each of [socket, onward]) each.on('error', end).on('close', end);
    const lines = [`${method} ${url} HTTP/1.1`];
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
      lines.push(`${name}: ${name.toLowerCase() === 'host' ? `127.0.0.1:${port}` : value}`);
    }
    onward.write(`${lines.join('\r\n')}\r\n\r\n`);
    onward.write(head);
    let left = Math.ceil(streamBytesMax * this.#draw());
    socket.on('data', (piece) => onward.write(piece));
    onward.on('data', (piece) => {
      if (left > 0) socket.write(piece.subarray(0, left));
      left -= piece.length;
      if (left > 0) return;
      this.#note('cutSocket');
      end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function give(reply: ServerResponse, { status, headers, body }: Answer): void {
  const { 'transfer-encoding': _, connection: __, ...kept } = headers;
  const length = status === 204 ? {} : { 'content-length': String(body.length) };
  reply.writeHead(status, { ...length, ...kept });
  reply.end(body);
}

// A wire between a client and a server that a test can hurt in stated ways.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** 0 or absent: any free one. */
  readonly port?: number;
}

export interface TcpProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Connections that are open now. */
  connectionCount(): number;
  /** Resets every connection and refuses new ones until `release`. */
  cut(): void;
  /** Keeps every byte of both directions back until `release`; connections stay open. */
  stall(): void;
  /** Ends `cut`, `stall` and `dropAfterRequestBytes`. */
  release(): void;
  /** Holds each chunk of both directions back for so long. 0 ends it. */
  delay(ms: number): void;
  /**
   * From now on answers are thrown away, and a connection is reset once so many bytes more were
   * forwarded on it to the server: the request got through, its answer never comes.
   */
  dropAfterRequestBytes(bytes: number): void;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly onward: Line;
  readonly back: Line;
  forwardedBytes: number;
  /** Some of its answers were thrown away: what came behind them would be taken for them. */
  hasHole: boolean;
}

/** One direction of a connection: what is held back keeps its order, also where the delay changes. */
class Line {
  readonly #held: { readonly dueMs: number; readonly run: () => void }[] = [];

  pass(delayMs: number, run: () => void): void {
    if (delayMs === 0 && this.#held.length === 0) return run();
    this.#held.push({ dueMs: performance.now() + delayMs, run });
    if (this.#held.length === 1) this.#wait();
  }

  #wait(): void {
    const [head] = this.#held;
    if (head === undefined) return;
    const waitMs = Math.max(0, Math.ceil(head.dueMs - performance.now()));
    setTimeout(() => {
      head.run();
      this.#held.shift();
      this.#wait();
    }, waitMs);
  }
}

const dropLingerMs = 500;

type Mode =
  | { readonly kind: 'open' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'stalled' }
  | { readonly kind: 'dropping'; readonly afterBytes: number };

class Proxy {
  readonly pairs = new Set<Pair>();
  mode: Mode = { kind: 'open' };
  delayMs = 0;

  accept(client: Socket, target: TcpProxyOptions['target']): void {
    client.on('error', () => undefined);
    if (this.mode.kind === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(target);
    const [onward, back] = [new Line(), new Line()];
    const pair: Pair = { client, server, onward, back, forwardedBytes: 0, hasHole: false };
    this.pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset(pair));
      socket.on('close', () => this.reset(pair));
    }
    client.on('data', (chunk) => onward.pass(this.delayMs, () => this.forward(pair, chunk)));
    server.on('data', (chunk) => back.pass(this.delayMs, () => this.answer(pair, chunk)));
    client.on('end', () => onward.pass(this.delayMs, () => server.end()));
    server.on('end', () => back.pass(this.delayMs, () => client.end()));
    if (this.mode.kind === 'stalled') this.pause(pair);
  }

  private forward(pair: Pair, chunk: Buffer): void {
    pair.forwardedBytes += chunk.length;
    const { mode } = this;
    const isLast = mode.kind === 'dropping' && pair.forwardedBytes >= mode.afterBytes;
    pair.server.write(chunk, () => {
      if (isLast) this.drop(pair);
    });
  }

  // The server's side stays open for a moment: a reset there could overtake the request.
  private drop(pair: Pair): void {
    if (!this.pairs.delete(pair)) return;
    pair.client.resetAndDestroy();
    pair.server.setTimeout(dropLingerMs, () => pair.server.destroy());
  }

  private answer(pair: Pair, chunk: Buffer): void {
    if (this.mode.kind === 'dropping') pair.hasHole = true;
    else pair.client.write(chunk);
  }

  private pause(pair: Pair): void {
    pair.client.pause();
    pair.server.pause();
  }

  enter(mode: Mode): void {
    this.mode = mode;
    for (const pair of this.pairs) {
      pair.forwardedBytes = 0;
      if (mode.kind === 'cut' || pair.hasHole) this.reset(pair);
      else if (mode.kind === 'stalled') this.pause(pair);
      else {
        pair.client.resume();
        pair.server.resume();
      }
    }
  }

  private reset(pair: Pair): void {
    if (!this.pairs.delete(pair)) return;
    pair.client.resetAndDestroy();
    pair.server.resetAndDestroy();
  }
}

export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const host = '127.0.0.1';
  const proxy = new Proxy();
  const server = createServer((client) => proxy.accept(client, options.target));
  server.listen(options.port ?? 0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host,
    port,
    connectionCount: () => proxy.pairs.size,
    cut: () => proxy.enter({ kind: 'cut' }),
    stall: () => proxy.enter({ kind: 'stalled' }),
    release: () => proxy.enter({ kind: 'open' }),
    delay: (ms) => {
      proxy.delayMs = ms;
    },
    dropAfterRequestBytes: (bytes) => proxy.enter({ kind: 'dropping', afterBytes: bytes }),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      proxy.enter({ kind: 'cut' });
      await closed;
    },
  };
}

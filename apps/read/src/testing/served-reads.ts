// The read role over a simulated log, by real sockets, on a clock that only a test moves.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect, type Socket } from 'node:net';
import { serve, Tenancy } from '@tidemark/edge';
import { Platform } from '@tidemark/platform';
import { type EventLog, type MetricShape, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import { plain } from '@tidemark/replica/testing';
import { bytesOf } from '@tidemark/std';
import { readRole } from '../index.ts';

export interface ServedReads extends AsyncDisposable {
  readonly platform: Platform;
  readonly clock: SimulatedClock;
  readonly tenant: Tenant;
  create(name: string, contentType?: string): Promise<void>;
  append(name: string, ...bodies: readonly string[]): Promise<void>;
  remove(name: string): Promise<void>;
  /** Asks for a stream over a connection of its own. */
  ask(name: string, query: string): Asking;
  gauge(name: string): number;
  /** Resolves once the system takes nothing more for any of so many connections, whose clients do not read. */
  takenAll(connections: number): Promise<void>;
  /** The process is told to stop. */
  stop(): Promise<void>;
}

/** One request on its connection, and what came of it. */
export class Asking {
  readonly socket: Socket;
  readonly #pieces: Buffer[] = [];
  bytes = 0;
  isClosed = false;

  constructor(port: number, path: string) {
    this.socket = connect({ host: '127.0.0.1', port });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (piece: Buffer) => {
      this.#pieces.push(piece);
      this.bytes += piece.length;
    });
    this.socket.once('close', () => {
      this.isClosed = true;
    });
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  }

  /** Its answer has ended, or its connection. */
  get isEnded(): boolean {
    return this.isClosed || this.#pieces.at(-1)?.toString().endsWith('0\r\n\r\n') === true;
  }

  get text(): string {
    return Buffer.concat(this.#pieces).toString();
  }

  /** What was sent, without the frames of its transfer. */
  get body(): string {
    const text = this.text;
    let rest = text.slice(text.indexOf('\r\n\r\n') + 4);
    let body = '';
    for (;;) {
      const end = rest.indexOf('\r\n');
      const bytes = Number.parseInt(rest.slice(0, end), 16);
      if (end === -1 || !(bytes > 0)) return body;
      body += rest.slice(end + 2, end + 2 + bytes);
      rest = rest.slice(end + 4 + bytes);
    }
  }
}

/** Resolves once it holds; a test that waits in vain ends by its time. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Turns of the event loop in which the system would have taken more, if it had room. */
const quietTurns = 20;

/** The server's ends of the connections, and what the system took of what was written to them. */
class ServerEnds implements Disposable {
  readonly #sockets: Socket[] = [];

  constructor() {
    subscribe('net.server.socket', this.#add);
  }

  readonly #add = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    this.#sockets.push(socket);
  };

  async takenAll(connections: number): Promise<void> {
    let taken = '';
    for (let quiet = 0; quiet < quietTurns; quiet += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const full = this.#sockets.filter(({ writableLength }) => writableLength > 0);
      const now = full.map((socket) => socket.bytesWritten - socket.writableLength).join();
      if (full.length < connections || now !== taken) quiet = 0;
      taken = now;
    }
  }

  [Symbol.dispose](): void {
    unsubscribe('net.server.socket', this.#add);
  }
}

export async function serveReads(
  options: {
    readonly memoryBytesMax?: number;
    readonly wrapLog?: (log: EventLog) => EventLog;
  } = {},
): Promise<ServedReads> {
  const { memoryBytesMax = 64 * 1_024 * 1_024, wrapLog = (log) => log } = options;
  const clock = new SimulatedClock();
  const ends = new ServerEnds();
  const prng = new SeededPrng(1);
  const simulated = new SimulatedEventLog({ clock, prng, instant: true });
  const gauges = new Map<string, () => number>();
  const observedGauge = ({ name }: MetricShape, read: () => number): void =>
    void gauges.set(name, read);
  const metrics = { ...silentMetrics, observedGauge };
  const log = wrapLog(simulated.connect('one'));
  const parts = { log, clock, prng, logger: silentLogger, metrics };
  const platform = new Platform(parts, { memoryBytesMax, isKeyless: true });
  await platform.start();
  const served = { roles: [readRole()], renderMetrics: () => Promise.resolve('') };
  const listening = await serve(platform, served, { host: '127.0.0.1', port: 0, drainMs: 1_000 });
  const { tenant } = await new Tenancy(platform.shards, platform).verify(undefined);
  const { writes } = platform;
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopped ??= listening.stop();
    await clock.runUntil(stopped);
  };
  return {
    platform,
    clock,
    tenant,
    create: async (name, contentType = plain.contentType) =>
      void (await writes.create(tenant, name as SessionName, { ...plain, contentType })),
    append: async (name, ...bodies) => {
      const { replica, key } = platform.shards.locate(tenant, name);
      const contentType = await replica.with(key, ({ state }) => state.stream?.contentType ?? '');
      const events = bodies.map(bytesOf);
      const command = { kind: 'append', contentType, events, close: false } as const;
      await writes.append(tenant, name as SessionName, command);
    },
    remove: (name) => writes.delete(tenant, name as SessionName),
    ask: (name, query) => new Asking(listening.port, `/v1/stream/${name}?${query}`),
    gauge: (name) => gauges.get(`tidemark_${name}`)?.() ?? Number.NaN,
    takenAll: (connections) => ends.takenAll(connections),
    stop,
    async [Symbol.asyncDispose]() {
      ends[Symbol.dispose]();
      await stop();
      await platform[Symbol.asyncDispose]();
    },
  };
}

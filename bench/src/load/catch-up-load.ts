import { connect, type Socket } from 'node:net';
import { requestBytes } from './connection.ts';
import { Latency } from './latency.ts';
import type { CatchUpOrder, LoadResult, Target } from './orders.ts';
import { Window } from './window.ts';

/** Lent to every socket: what a reader gets is counted and forgotten. */
const lent = Buffer.allocUnsafe(1024 * 1024);
const headEndMark = '\r\n\r\n';
const lastChunk = Buffer.from('\r\n0\r\n\r\n');

/** One client that reads a session to its end, in as many answers as the server makes of it. */
class Reader {
  readonly #path: string;
  readonly #socket: Socket;
  #head: string | undefined;
  #headRest = '';
  #bodyBytes = 0;
  #totalBytes = 0;
  #trail: Buffer = Buffer.alloc(0);
  #done: (bytes: number) => void = () => undefined;
  #fail: (cause: Error) => void = () => undefined;

  private constructor({ host, port }: Target, path: string, opened: () => void) {
    this.#path = path;
    const onread = {
      buffer: lent,
      callback: (bytes: number): boolean => {
        this.#take(lent.subarray(0, bytes));
        return true;
      },
    };
    this.#socket = connect({ host, port, onread }, opened);
    this.#socket.setNoDelay(true);
    this.#socket.on('error', (cause) => this.#fail(cause));
    this.#socket.on('close', () => this.#fail(new Error('connection lost')));
  }

  static open(target: Target, path: string): Promise<Reader> {
    return new Promise((resolve) => {
      const reader: Reader = new Reader(target, path, () => resolve(reader));
    });
  }

  read(): Promise<number> {
    this.#totalBytes = 0;
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#fail = reject;
      this.#ask('-1');
    });
  }

  #ask(offset: string): void {
    this.#head = undefined;
    this.#headRest = '';
    this.#bodyBytes = 0;
    this.#trail = Buffer.alloc(0);
    this.#socket.write(requestBytes({ method: 'GET', path: `${this.#path}?offset=${offset}` }));
  }

  #take(chunk: Buffer): void {
    let body = chunk;
    if (this.#head === undefined) {
      const text = this.#headRest + chunk.toString('latin1');
      const end = text.indexOf(headEndMark);
      if (end < 0) {
        this.#headRest = text;
        return;
      }
      this.#head = text.slice(0, end + 2);
      body = chunk.subarray(end + headEndMark.length - this.#headRest.length);
    }
    this.#bodyBytes += body.length;
    if (body.length > 0) this.#trail = trailOf(this.#trail, body);
    if (this.#isWhole()) this.#finish();
  }

  #isWhole(): boolean {
    const length = this.#field('content-length');
    if (length !== undefined) return this.#bodyBytes >= Number(length);
    return this.#trail.equals(lastChunk);
  }

  #finish(): void {
    if (!/^HTTP\/1.1 200/.test(this.#head ?? '')) return this.#fail(new Error(this.#head));
    this.#totalBytes += this.#bodyBytes;
    const next = this.#field('stream-next-offset');
    if (this.#field('stream-up-to-date') === 'true' || next === undefined) {
      return this.#done(this.#totalBytes);
    }
    this.#ask(next);
  }

  #field(name: string): string | undefined {
    return new RegExp(`\\r\\n${name}: *([^\\r]*)\\r\\n`, 'i').exec(this.#head ?? '')?.[1];
  }

  close(): void {
    this.#fail = () => undefined;
    this.#socket.destroy();
  }
}

function trailOf(trail: Buffer, body: Buffer): Buffer {
  const { length } = lastChunk;
  if (body.length >= length) return Buffer.from(body.subarray(-length));
  return Buffer.concat([trail, body]).subarray(-length);
}

export async function catchUpLoad(order: CatchUpOrder): Promise<LoadResult> {
  const { target, session, clients, warmCount, count, forMs, bytesMin } = order;
  const path = `/v1/stream/${session}`;
  const readers = await Promise.all(
    Array.from({ length: clients }, () => Reader.open(target, path)),
  );
  const latency = new Latency();
  const window = new Window(order.pids);
  let bytes = 0;
  let errors = 0;
  let reads = 0;
  const turn = async (): Promise<void> => {
    const startMs = performance.now();
    const got = await Promise.all(readers.map((reader) => reader.read()));
    latency.recordMs(performance.now() - startMs);
    for (const one of got) {
      bytes += one;
      reads += 1;
      if (one < bytesMin) errors += 1;
    }
  };
  for (let warm = 0; warm < warmCount; warm += 1) await turn();
  latency.reset();
  bytes = 0;
  reads = 0;
  window.begin();
  if (forMs === undefined) {
    for (let done = 0; done < count; done += 1) await turn();
  } else {
    const endMs = performance.now() + forMs;
    const readOn = async (reader: Reader): Promise<void> => {
      while (performance.now() < endMs) {
        const startMs = performance.now();
        bytes += await reader.read();
        reads += 1;
        latency.recordMs(performance.now() - startMs);
      }
    };
    await Promise.all(readers.map(readOn));
  }
  const ends = window.end();
  for (const reader of readers) reader.close();
  return { latency: latency.encode(), count: reads, errors, bytes, ...ends };
}

import { connect, type Socket } from 'node:net';
import { Connection, jsonHeaders, requestBytes, statusOf } from './connection.ts';
import { NumberScanner, numberedEvent, setNumber } from './events.ts';
import { Latency } from './latency.ts';
import type { FollowOrder, LoadResult, Target } from './orders.ts';
import { after, untilSome } from './timing.ts';
import { Window } from './window.ts';

const writersMax = 20;
const stragglersMs = 500;

interface Writer {
  readonly connection: Connection;
  readonly requests: readonly Buffer[];
  readonly due: { readonly number: number; readonly dueMs: number }[];
}

let serial = 0;

const pathOf = (name: string): string => `/v1/stream/${name}`;

const handshake = requestBytes({
  method: 'GET',
  path: '/v1/live',
  headers: {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'tidemark.v1',
  },
});

/** One frame of text, masked with zeros, that asks for all of a session and has credit for it. */
function subscription(session: string): Buffer {
  const wish = { type: 'sub', ref: '1', session, after: 'start', credit: 1e12 };
  const text = Buffer.from(JSON.stringify(wish));
  const head = Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([head, text]);
}

export async function followLoad(order: FollowOrder): Promise<LoadResult> {
  serial += 1;
  const names = Array.from(
    { length: order.sessions },
    (_, session) => `follow-${process.pid}-${serial}-${session}`,
  );
  const load = new FollowLoad(order, names);
  try {
    return await load.run();
  } finally {
    load.close();
  }
}

class FollowLoad {
  readonly #order: FollowOrder;
  readonly #names: readonly string[];
  readonly #writers: Writer[] = [];
  readonly #followers: Socket[] = [];
  readonly #delivery = new Latency();
  readonly #append = new Latency();
  readonly #lateness = new Latency();
  readonly #sentAtMs: number[] = [];
  #firstCounted = Number.MAX_SAFE_INTEGER;
  #sent = 0;
  #delivered = 0;
  #errors = 0;

  constructor(order: FollowOrder, names: readonly string[]) {
    this.#order = order;
    this.#names = names;
  }

  async run(): Promise<LoadResult> {
    const { pids, perSecond, warmMs, forMs, followers, sessions } = this.#order;
    const window = new Window(pids);
    await this.#openWriters();
    window.begin();
    const unconnected = window.end().before;
    await this.#openFollowers();
    await after(warmMs / 2);
    const stop = perSecond === 0 ? () => undefined : this.#startPacing(perSecond);
    await after(warmMs / 2);
    window.begin();
    this.#firstCounted = this.#sent;
    this.#lateness.reset();
    await after(forMs);
    stop();
    const counted = this.#sent - this.#firstCounted;
    if (perSecond > 0) {
      await after(stragglersMs);
      await untilSome(() => this.#delivered);
    }
    const ends = window.end();
    const expected = (counted * followers) / sessions;
    return {
      latency: this.#delivery.encode(),
      append: this.#append.encode(),
      lateness: this.#lateness.encode(),
      count: this.#delivered,
      expected,
      errors: this.#errors,
      unconnected,
      ...ends,
    };
  }

  async #openWriters(): Promise<void> {
    const { write, eventBytes, sessions } = this.#order;
    const count = Math.min(writersMax, sessions);
    const connections = await Promise.all(
      Array.from({ length: count }, () => Connection.open(write)),
    );
    const put = async (connection: Connection, index: number): Promise<void> => {
      const requests: Buffer[] = [];
      for (let session = index; session < sessions; session += count) {
        const path = pathOf(this.#names[session] ?? '');
        const { status } = await connection.ask(
          requestBytes({ method: 'PUT', path, headers: jsonHeaders }),
        );
        if (status !== 201) this.#errors += 1;
        const body = numberedEvent(eventBytes);
        requests.push(requestBytes({ method: 'POST', path, headers: jsonHeaders, body }));
      }
      this.#writers[index] = { connection, requests, due: [] };
    };
    await Promise.all(connections.map(put));
  }

  async #openFollowers(): Promise<void> {
    const together = 100;
    const { followers, read, sessions } = this.#order;
    for (let first = 0; first < followers; first += together) {
      const count = Math.min(together, followers - first);
      const opened = Array.from({ length: count }, (_, index) =>
        this.#follow(read, this.#names[(first + index) % sessions] ?? ''),
      );
      this.#followers.push(...(await Promise.all(opened)));
    }
  }

  /** Answers when the head is there: from then on it is fed. */
  #follow({ host, port }: Target, name: string): Promise<Socket> {
    const isSocket = this.#order.over === 'socket';
    const good = isSocket ? 101 : 200;
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      const scanner = new NumberScanner();
      let isFed = false;
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.on('data', (chunk) => {
        if (!isFed) {
          if (statusOf(chunk) !== good) return reject(new Error(chunk.toString('latin1')));
          isFed = true;
          if (isSocket) socket.write(subscription(name));
          resolve(socket);
        }
        const nowMs = performance.now();
        scanner.scan(chunk, (number) => this.#deliver(number, nowMs));
      });
      const path = `${pathOf(name)}?offset=-1&live=sse`;
      socket.write(isSocket ? handshake : requestBytes({ method: 'GET', path }));
    });
  }

  #deliver(number: number, nowMs: number): void {
    if (number < this.#firstCounted) return;
    const sentMs = this.#sentAtMs[number];
    if (sentMs === undefined) return;
    this.#delivered += 1;
    this.#delivery.recordMs(nowMs - sentMs);
  }

  #startPacing(perSecond: number): () => void {
    const startMs = performance.now();
    let begun = 0;
    const timer = setInterval(() => {
      const nowMs = performance.now();
      const due = Math.floor(((nowMs - startMs) * perSecond) / 1_000);
      for (; begun < due; begun += 1) {
        const dueMs = startMs + ((begun + 1) * 1_000) / perSecond;
        this.#lateness.recordMs(nowMs - dueMs);
        const writer = this.#writers[begun % this.#writers.length];
        // A generator that is late has not sent yet: the wait begins at the send. A server that is
        // late keeps the writer waiting: then it begins when the send was due.
        if (writer?.connection.isBusy === true) writer.due.push({ number: begun, dueMs });
        else if (writer !== undefined) this.#send(writer, { number: begun, dueMs: nowMs });
        this.#sent = begun + 1;
      }
    }, 1);
    return () => clearInterval(timer);
  }

  #send(
    writer: Writer,
    { number, dueMs }: { readonly number: number; readonly dueMs: number },
  ): void {
    const turn = Math.floor(number / this.#writers.length);
    const request = writer.requests[turn % writer.requests.length];
    if (request === undefined) return;
    setNumber(request, number);
    this.#sentAtMs[number] = dueMs;
    writer.connection.send(request, (status) => {
      if (status !== 204 && status !== 200) this.#errors += 1;
      if (number >= this.#firstCounted) this.#append.recordMs(performance.now() - dueMs);
      const next = writer.due.shift();
      if (next !== undefined && status !== 0) this.#send(writer, next);
    });
  }

  close(): void {
    for (const socket of this.#followers) socket.destroy();
    for (const { connection } of this.#writers) connection.close();
  }
}

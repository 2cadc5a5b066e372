import {
  Connection,
  jsonHeaders,
  producerHeaders,
  type RequestParts,
  requestBytes,
} from './connection.ts';
import { appendBody, typedEvent } from './events.ts';
import { Latency } from './latency.ts';
import type { AppendOrder, LoadResult } from './orders.ts';
import { after, untilSome } from './timing.ts';
import { Window } from './window.ts';

interface Client {
  readonly connection: Connection;
  /** Taken in turn: one, or one for each of the tenants that the client writes for. */
  readonly requests: readonly (() => Buffer)[];
  turn: number;
  /** An open loop's sends that are due while an answer is awaited. */
  readonly due: number[];
}

let serial = 0;

export async function appendLoad(order: AppendOrder): Promise<LoadResult> {
  serial += 1;
  const prefix = order.prefix ?? `append-${process.pid}-${serial}`;
  const clients = await openClients(order, prefix);
  const load = new AppendLoad(order, clients);
  try {
    return await load.run();
  } finally {
    for (const { connection } of clients) connection.close();
  }
}

async function openClients(order: AppendOrder, prefix: string): Promise<Client[]> {
  const { surface, eventBytes } = order;
  const body =
    surface === undefined ? appendBody(order.eventsPerAppend, eventBytes) : typedEvent(eventBytes);
  const clients: Client[] = [];
  const open = async (index: number): Promise<void> => {
    const target = order.targets[index % order.targets.length];
    if (target === undefined) throw new Error('an order has a target');
    const connection = await Connection.open(target);
    const name = `${prefix}-${index % (order.streams ?? order.clients)}`;
    const isSession = surface === 'sessions';
    const made = isSession ? `/v1/sessions/${name}` : `/v1/stream/${name}`;
    const path = isSession ? `${made}/events` : made;
    const requests: (() => Buffer)[] = [];
    for (const key of keysOf(order, index)) {
      const type = order.asProducers === true ? { 'Content-Type': byteType } : jsonHeaders;
      const headers = { ...type, ...(key === undefined ? {} : { 'X-Api-Key': key }) };
      if (order.isEcho !== true) await create(connection, made, headers);
      const parts = { method: 'POST', path, headers, body } as const;
      const asOne = requestBytes(parts);
      const id = `producer-${index}`;
      requests.push(order.asProducers === true ? inSequence(parts, id) : () => asOne);
    }
    clients[index] = { connection, requests, turn: 0, due: [] };
  };
  const together = 50;
  for (let first = 0; first < order.clients; first += together) {
    const count = Math.min(together, order.clients - first);
    await Promise.all(Array.from({ length: count }, (_, index) => open(first + index)));
  }
  return clients;
}

const byteType = 'application/octet-stream';

/** Each request says which it is of its producer. */
function inSequence(parts: RequestParts, id: string): () => Buffer {
  let seq = 0;
  return () => {
    const headers = { ...parts.headers, ...producerHeaders(id, seq) };
    seq += 1;
    return requestBytes({ ...parts, headers });
  };
}

/** More keys than clients: each client writes for several tenants in turn. */
function keysOf({ keys, clients }: AppendOrder, index: number): readonly (string | undefined)[] {
  if (keys === undefined || keys.length === 0) return [undefined];
  if (keys.length <= clients) return [keys[index % keys.length]];
  return keys.filter((_, place) => place % clients === index);
}

async function create(
  connection: Connection,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { status, answer } = await connection.ask(requestBytes({ method: 'PUT', path, headers }));
  if (status < 200 || status > 299) throw new Error(`PUT: ${answer.toString('latin1')}`);
}

class AppendLoad {
  readonly #order: AppendOrder;
  readonly #clients: readonly Client[];
  readonly #latency = new Latency();
  readonly #lateness = new Latency();
  #count = 0;
  #errors = 0;
  #firstError: string | undefined;
  #isOver = false;

  constructor(order: AppendOrder, clients: readonly Client[]) {
    this.#order = order;
    this.#clients = clients;
  }

  async run(): Promise<LoadResult> {
    const { perSecond, pids, warmMs, forMs } = this.#order;
    const window = new Window(pids);
    const stopPacing = perSecond === undefined ? this.#startClosed() : this.#startOpen(perSecond);
    await after(warmMs);
    this.#latency.reset();
    this.#lateness.reset();
    this.#count = 0;
    window.begin();
    await after(forMs);
    await untilSome(() => this.#count);
    const ends = window.end();
    const count = this.#count;
    const latency = this.#latency.encode();
    const lateness = perSecond === undefined ? {} : { lateness: this.#lateness.encode() };
    this.#isOver = true;
    stopPacing();
    const expected = perSecond === undefined ? {} : { expected: perSecond * ends.seconds };
    const firstError = this.#firstError === undefined ? {} : { firstError: this.#firstError };
    return {
      latency,
      ...lateness,
      count,
      ...expected,
      errors: this.#errors,
      ...firstError,
      ...ends,
    };
  }

  #startClosed(): () => void {
    for (const client of this.#clients) this.#send(client, performance.now());
    return () => undefined;
  }

  /** Sends are due at even distances whatever the answers do, and each wait begins when it was due. */
  #startOpen(perSecond: number): () => void {
    const startMs = performance.now();
    let sent = 0;
    const turn = (): void => {
      const nowMs = performance.now();
      const due = Math.floor(((nowMs - startMs) * perSecond) / 1_000);
      for (; sent < due; sent += 1) {
        const dueMs = startMs + ((sent + 1) * 1_000) / perSecond;
        this.#lateness.recordMs(nowMs - dueMs);
        const client = this.#clients[sent % this.#clients.length];
        if (client === undefined) return;
        if (client.connection.isBusy) client.due.push(dueMs);
        else this.#send(client, dueMs);
      }
    };
    const timer = setInterval(turn, 1);
    return () => clearInterval(timer);
  }

  #send(client: Client, fromMs: number): void {
    const request = client.requests[client.turn % client.requests.length];
    if (request === undefined) throw new Error('a client has a request');
    client.turn += 1;
    client.connection.send(request(), (status, answer) => {
      if (this.#isOver) return;
      const nowMs = performance.now();
      if (status === 204 || status === 200) this.#count += 1;
      else this.#fail(status, answer);
      this.#latency.recordMs(nowMs - fromMs);
      if (status === 0) return;
      if (this.#order.perSecond === undefined) return this.#sendNext(client, nowMs);
      const dueMs = client.due.shift();
      if (dueMs !== undefined) this.#send(client, dueMs);
    });
  }

  #sendNext(client: Client, nowMs: number): void {
    const { pauseMs } = this.#order;
    if (pauseMs === undefined) return this.#send(client, nowMs);
    setTimeout(() => {
      if (!this.#isOver) this.#send(client, performance.now());
    }, pauseMs);
  }

  #fail(status: number, answer: Buffer): void {
    this.#errors += 1;
    this.#firstError ??= `${status} ${answer.toString('latin1').slice(0, 300)}`;
  }
}

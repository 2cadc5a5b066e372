import { connect } from 'node:net';
import { Connection, headerOf, jsonHeaders, requestBytes } from './connection.ts';
import { NumberScanner, numberedEvent, setNumber } from './events.ts';
import { Latency } from './latency.ts';
import type { LoadResult, Target, WakeOrder } from './orders.ts';
import { after } from './timing.ts';
import { Window } from './window.ts';

/** Long enough for a long-poll to be parked. */
const parkMs = 4;

interface Woken {
  readonly delivered: Promise<number>;
}

let serial = 0;

export async function wakeLoad(order: WakeOrder): Promise<LoadResult> {
  serial += 1;
  const path = `/v1/stream/wake-${process.pid}-${serial}`;
  const writer = await Connection.open(order.write);
  await writer.ask(requestBytes({ method: 'PUT', path, headers: jsonHeaders }));
  const follower = await (order.live === 'sse' ? follow : poll)(order.read, path);
  const body = numberedEvent(order.eventBytes);
  const request = requestBytes({ method: 'POST', path, headers: jsonHeaders, body });
  const delivery = new Latency();
  const append = new Latency();
  const window = new Window(order.pids);
  let errors = 0;
  window.begin();
  for (let number = 0; number < order.warmCount + order.count; number += 1) {
    if (number === order.warmCount) window.begin();
    const { delivered } = follower.expect(number);
    await after(parkMs);
    setNumber(request, number);
    const startMs = performance.now();
    const [answeredMs, deliveredMs] = await Promise.all([
      writer.ask(request).then(({ status }) => {
        if (status !== 204 && status !== 200) errors += 1;
        return performance.now();
      }),
      delivered,
    ]);
    if (number < order.warmCount) continue;
    append.recordMs(answeredMs - startMs);
    delivery.recordMs(deliveredMs - startMs);
  }
  const ends = window.end();
  writer.close();
  follower.close();
  const { count } = delivery;
  return { latency: delivery.encode(), append: append.encode(), count, errors, ...ends };
}

interface Waiting {
  expect(number: number): Woken;
  close(): void;
}

async function poll(target: Target, path: string): Promise<Waiting> {
  const connection = await Connection.open(target);
  let offset = '-1';
  const next = async (): Promise<number> => {
    for (;;) {
      const query = `?offset=${offset}&live=long-poll`;
      const answered = await new Promise<{ answer: Buffer; atMs: number; status: number }>(
        (resolve) => {
          connection.send(requestBytes({ method: 'GET', path: path + query }), (status, answer) =>
            resolve({ answer, atMs: performance.now(), status }),
          );
        },
      );
      offset = headerOf(answered.answer, 'stream-next-offset') ?? offset;
      if (answered.status === 200) return answered.atMs;
      if (answered.status !== 204) throw new Error(answered.answer.toString('latin1'));
    }
  };
  return { expect: () => ({ delivered: next() }), close: () => connection.close() };
}

function follow({ host, port }: Target, path: string): Promise<Waiting> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const scanner = new NumberScanner();
    const waiting = new Map<number, (atMs: number) => void>();
    const follower: Waiting = {
      expect: (number) => ({
        delivered: new Promise((delivered) => waiting.set(number, delivered)),
      }),
      close: () => socket.destroy(),
    };
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('data', () => resolve(follower));
    socket.on('data', (chunk) => {
      const atMs = performance.now();
      scanner.scan(chunk, (number) => {
        waiting.get(number)?.(atMs);
        waiting.delete(number);
      });
    });
    socket.write(requestBytes({ method: 'GET', path: `${path}?offset=-1&live=sse` }));
  });
}

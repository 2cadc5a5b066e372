// Answers whose end is fetched while their beginning is sent, by real sockets.

import { type AddressInfo, connect, type Socket } from 'node:net';
import { Alarms } from '@tidemark/platform';
import { type MetricShape, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedClock } from '@tidemark/ports/testing';
import { Problem } from '@tidemark/protocol';
import { afterEach, expect, test } from 'vitest';
import { createEdge, type Edge } from './edge.ts';
import { sendOngoing } from './ongoing-answer.ts';

const mib = 1_024 * 1_024;
const clock = new SimulatedClock();
const gauges = new Map<string, () => number>();
const owedBytes = (): number => gauges.get('tidemark_edge_owed_bytes')?.() ?? Number.NaN;

let edge: Edge;
let alarms: Alarms;

afterEach(async () => {
  edge.server.closeAllConnections();
  await edge.close();
});

interface Told {
  readonly pieces: number;
  readonly lengthBytes?: number;
  readonly owedBytesMax?: number;
  /** Before each piece. */
  readonly fetch?: (piece: number) => Promise<void>;
}

interface Serving {
  readonly port: number;
  /** Pieces that were asked for. */
  readonly asked: () => number;
  /** Whether nothing is sent, or fetched, for an answer any more. */
  readonly isOver: () => boolean;
}

/** Pieces of a mebibyte, each of one letter. */
async function serve({ pieces, lengthBytes, owedBytesMax, fetch }: Told): Promise<Serving> {
  let [asked, isOver] = [0, false];
  const pieceOf = (index: number): readonly Uint8Array[] => [
    Buffer.alloc(mib - 3, 97 + index),
    Buffer.alloc(3, 97 + index),
  ];
  async function* later(): AsyncGenerator<readonly Uint8Array[]> {
    for (let index = 1; index < pieces; index += 1) {
      asked += 1;
      await fetch?.(index);
      yield pieceOf(index);
    }
  }
  const observedGauge = ({ name }: MetricShape, read: () => number): void =>
    void gauges.set(name, read);
  const metrics = { ...silentMetrics, observedGauge };
  const parts = { clock, logger: silentLogger, metrics, prng: new SeededPrng(1) };
  alarms = new Alarms(parts);
  edge = createEdge(parts, { alarms, bounds: { owedBytesMax: owedBytesMax ?? 100 * mib } });
  edge.get('/', async (_request, reply) => {
    const length = lengthBytes ?? pieces * mib;
    const body = { pieces: pieceOf(0), lengthBytes: length, later: later() };
    await sendOngoing(reply, 200, { headers: ['x-told', 'yes'], body });
    isOver = true;
    return reply;
  });
  await edge.listen({ host: '127.0.0.1', port: 0 });
  const { port } = edge.server.address() as AddressInfo;
  return { port, asked: () => asked, isOver: () => isOver };
}

test('what is corrupt rings, though its answer had begun', async () => {
  const corrupt = () => Promise.reject(new Problem('corrupt', 'not what was archived'));
  const { port, isOver } = await serve({ pieces: 2, fetch: corrupt });
  const reading = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
  await expect(reading).rejects.toThrow('terminated');
  await until(isOver);
  expect(Object.keys(alarms.failures())).toEqual(['corrupt read']);
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

function ask(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  return socket;
}

test('all of it comes, in order and as long as was told, and nothing is owed then', async () => {
  const { port } = await serve({ pieces: 5 });
  for (let round = 0; round < 2; round += 1) {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect(response.headers.get('x-told')).toBe('yes');
    expect(response.headers.get('content-length')).toBe(String(5 * mib));
    const text = await response.text();
    expect(text.length).toBe(5 * mib);
    expect([0, 1, 2, 3, 4].map((at) => text[at * mib])).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(text.replaceAll(/(.)\1*/g, '$1')).toBe('abcde');
  }
  expect(owedBytes()).toBe(0);
});

test('the beginning comes before the end is there', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { port } = await serve({ pieces: 3, fetch: () => promise });
  const response = await fetch(`http://127.0.0.1:${port}/`);
  const reader = response.body?.getReader();
  let bytes = 0;
  while (bytes < mib) bytes += (await reader?.read())?.value?.length ?? 0;
  expect(bytes).toBe(mib);
  resolve();
  for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
    bytes += next.value.length;
  }
  expect(bytes).toBe(3 * mib);
});

test.each([
  ['does not come', { pieces: 3, fetch: () => Promise.reject(new Problem('unavailable', 'gone')) }],
  ['is shorter than was told', { pieces: 3, lengthBytes: 3 * mib + 1 }],
  ['is longer than was told', { pieces: 3, lengthBytes: 3 * mib - 1 }],
])('no reader takes a part for the whole where the end %s', async (_title, told) => {
  const { port, isOver } = await serve(told);
  const reading = fetch(`http://127.0.0.1:${port}/`).then(async (response) => {
    const { byteLength } = await response.arrayBuffer();
    return byteLength;
  });
  await expect(reading).rejects.toThrow('terminated');
  await until(isOver);
  expect(owedBytes()).toBe(0);
});

test('a reader that takes nothing is owed one piece, and no more is fetched for it', async () => {
  const { port, asked, isOver } = await serve({ pieces: 200 });
  const socket = ask(port).pause();
  await until(() => owedBytes() === mib && asked() > 1);
  const fetched = asked();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(asked()).toBe(fetched);
  expect(fetched).toBeLessThan(50);
  expect(owedBytes()).toBe(mib);
  socket.destroy();
  await until(isOver);
  expect(owedBytes()).toBe(0);
});

test('where there is no room it is refused before it begins', async () => {
  const { port } = await serve({ pieces: 2, owedBytesMax: 1_000 });
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(503);
});

test('a reader that goes while the end is fetched is let go', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { port, asked, isOver } = await serve({ pieces: 3, fetch: () => promise });
  const socket = ask(port);
  await until(() => asked() === 1);
  socket.destroy();
  resolve();
  await until(isOver);
  expect(owedBytes()).toBe(0);
});

// Answers that go on, by real sockets, on a clock that only the test moves.

import { type AddressInfo, connect, type Socket } from 'node:net';
import { TimerWheel } from '@tidemark/platform';
import { type MetricShape, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedClock } from '@tidemark/ports/testing';
import { afterEach, expect, test } from 'vitest';
import { createEdge, type Edge } from './edge.ts';
import { LiveAnswer } from './live-answer.ts';

const pieceBytes = 256 * 1_024;
const mib = 1_024 * 1_024;

let edge: Edge;
const clock = new SimulatedClock();
const gauges = new Map<string, () => number>();
const owedBytes = (): number => gauges.get('tidemark_edge_owed_bytes')?.() ?? Number.NaN;

afterEach(async () => {
  edge.server.closeAllConnections();
  await edge.close();
});

interface Reader {
  readonly socket: Socket;
  bytes: number;
  text: string;
  isClosed: boolean;
}

/** Answers `/` for ever, or with so many pieces, each as soon as the one before it was taken. */
async function serve(
  owedBytesMax: number,
  piecesMax = Number.MAX_SAFE_INTEGER,
): Promise<(version?: string) => Reader> {
  const observedGauge = ({ name }: MetricShape, read: () => number): void =>
    void gauges.set(name, read);
  const metrics = { ...silentMetrics, observedGauge };
  const parts = { clock, logger: silentLogger, metrics, prng: new SeededPrng(1) };
  const wheel = new TimerWheel(clock);
  edge = createEdge(parts, { bounds: { owedBytesMax } });
  edge.get('/', (_request, reply) => {
    let pieces = 0;
    const go = (): void => {
      while (!answer.isClosed && !answer.isFull && pieces < piecesMax) {
        answer.write([Buffer.alloc(pieceBytes, 'x')]);
        pieces += 1;
      }
      if (pieces === piecesMax && !answer.isFull) answer.end();
    };
    const answer = new LiveAnswer(reply, {}, { wheel, onDrain: go, onClose: () => undefined });
    go();
  });
  await edge.listen({ host: '127.0.0.1', port: 0 });
  const { port } = edge.server.address() as AddressInfo;
  return (version = '1.1') => {
    const socket = connect({ host: '127.0.0.1', port });
    const reader: Reader = { socket, bytes: 0, text: '', isClosed: false };
    socket.on('error', () => undefined);
    socket.once('close', () => {
      reader.isClosed = true;
    });
    socket.on('data', (piece) => {
      reader.bytes += piece.length;
      if (reader.text.length < 2_000) reader.text += String(piece);
    });
    socket.write(`GET / HTTP/${version}\r\nHost: localhost\r\n\r\n`);
    return reader;
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('a reader that takes nothing is owed one write, and left after 30 s', async () => {
  const open = await serve(100 * mib);
  const { socket } = open();
  socket.pause();
  await until(() => owedBytes() > 0);
  expect(owedBytes()).toBeLessThan(pieceBytes + 3 * Buffer.poolSize);
  await clock.advance(29_000);
  expect(owedBytes()).toBeGreaterThan(0);
  await clock.advance(3_000);
  expect(owedBytes()).toBe(0);
});

test('a reader that takes a little now and then is kept', async () => {
  const open = await serve(100 * mib);
  const reader = open();
  for (let round = 1; round <= 6; round += 1) {
    reader.socket.resume();
    await until(() => reader.bytes > round * 16 * mib);
    reader.socket.pause();
    await until(() => owedBytes() > 0);
    await clock.advance(15_000);
  }
  expect(reader.isClosed).toBe(false);
  reader.socket.destroy();
  await until(() => owedBytes() === 0);
});

test('a reader for whom there is no room is left at once', async () => {
  const open = await serve(pieceBytes / 2);
  const reader = open();
  reader.socket.pause();
  await until(() => reader.socket.bytesRead > 0);
  reader.socket.resume();
  await until(() => reader.isClosed);
  expect(reader.text).not.toContain('503');
  expect(owedBytes()).toBe(0);
});

test('an answer over HTTP/1.0 has no chunks', async () => {
  const open = await serve(100 * mib, 2);
  const reader = open('1.0');
  await until(() => reader.isClosed);
  const head = reader.text.slice(0, reader.text.indexOf('\r\n\r\n') + 4);
  expect(reader.bytes).toBe(head.length + 2 * pieceBytes);
});

// What followers cost: one that stops reading, and thousands that wait. `TIDEMARK_TEST_LONG=1` takes the
// whole minute and all ten thousand.

import { mkdtemp } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type AppProcess, startApp } from '@tidemark/infra';
import { afterEach, expect, test } from 'vitest';
import { create, json, send, textOf } from './http-client.ts';
import { mib, residentBytes } from './memory.ts';
import { SseFollower } from './sse-follower.ts';

const isLong = process.env['TIDEMARK_TEST_LONG'] === '1';
let app: AppProcess;

afterEach(async () => {
  await app?.[Symbol.asyncDispose]();
});

async function startServer(env: Readonly<Record<string, string>>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-followers-'));
  const TIDEMARK_DATA_DIR = join(folder, 'data');
  app = await startApp({ app: 'server', index: 0, folder, env: { TIDEMARK_DATA_DIR, ...env } });
}

const eventsPerAppend = 100;
const padding = 'x'.repeat(1_000);

interface Feed {
  readonly path: string;
  readonly firstEvent: number;
  readonly events: number;
  readonly durationMs: number;
}

/** Appends evenly over a time; gives the most memory that the process took meanwhile. */
async function feed({ path, firstEvent, events, durationMs }: Feed): Promise<number> {
  let residentMax = 0;
  const startMs = performance.now();
  for (let sent = 0; sent < events; sent += eventsPerAppend) {
    const numbers = Array.from(
      { length: eventsPerAppend },
      (_, index) => firstEvent + sent + index,
    );
    const body = `[${numbers.map((number) => `{"number":${number},"padding":"${padding}"}`).join()}]`;
    const answer = await send(`${app.url}${path}`, { method: 'POST', headers: json, body });
    if (answer.status !== 204) throw new Error(`refused: ${textOf(answer)}`);
    residentMax = Math.max(residentMax, await residentBytes(app.pid));
    const dueMs = startMs + (durationMs * (sent + eventsPerAppend)) / events;
    if (dueMs > performance.now()) await wait(dueMs - performance.now());
  }
  return residentMax;
}

/** Counts the events of a session as they come, and takes offence at any that is out of order. */
function follow(path: string, from: { readonly event: number; readonly offset: string }) {
  let next = from.event;
  const follower = new SseFollower({
    url: app.url,
    path,
    offset: from.offset,
    onData: (data) => {
      for (const { number } of JSON.parse(data) as { readonly number: number }[]) {
        if (number !== next) throw new Error(`out of order. expected=${next} actual=${number}`);
        next += 1;
      }
    },
  });
  return {
    follower,
    next: () => next,
    /** The most memory that the process took until the event had come. */
    async reach(event: number): Promise<number> {
      let residentMax = 0;
      const endMs = Date.now() + 60_000;
      while (next < event && Date.now() < endMs) {
        residentMax = Math.max(residentMax, await residentBytes(app.pid));
        await wait(50);
      }
      return residentMax;
    },
  };
}

test('a follower that stops reading gets everything, and costs no memory beyond the hot window', async () => {
  const memoryMib = 64;
  // What is published meanwhile, and indexed, takes memory of its own.
  await startServer({ TIDEMARK_MEMORY_MIB: String(memoryMib), TIDEMARK_PUBLISH_MS: '3600000' });
  const path = '/v1/stream/followed';
  await create(`${app.url}${path}`);
  const events = 60_000;
  const durationMs = isLong ? 60_000 : 10_000;
  // First the same work with followers that read on: one live, one that comes later for everything; twice, so
  // that the window has been full, and what V8 keeps for itself beside it has been reached.
  const live = follow(path, { event: 0, offset: '-1' });
  const fed = await feed({ path, firstEvent: 0, events: 2 * events, durationMs: 10_000 });
  await live.reach(2 * events);
  const late = follow(path, { event: 0, offset: '-1' });
  const before = Math.max(fed, await late.reach(2 * events));
  const { offset } = late.follower;
  for (const { follower } of [live, late]) follower[Symbol.dispose]();
  const slow = follow(path, { event: 2 * events, offset });
  await wait(500);
  slow.follower.pause();
  const meanwhile = await feed({ path, firstEvent: 2 * events, events, durationMs });
  const stoodAt = slow.next() - 2 * events;
  slow.follower.resume();
  const after = await slow.reach(3 * events);
  slow.follower[Symbol.dispose]();
  console.log(
    `measured: pid ${app.pid}, ${events} events of 1 kB in ${durationMs / 1_000} s while a follower stood ` +
      `still behind ${stoodAt} of them; resident ${mib(before)} at most with followers that read, ` +
      `${mib(meanwhile)} while it stood still, ${mib(after)} while it caught up; hot window ${memoryMib} MiB; ` +
      `it got ${slow.next() - 2 * events} in order over ${slow.follower.connections} connections`,
  );
  expect(slow.next()).toBe(3 * events);
  expect(stoodAt).toBeLessThan(events);
  expect(Math.max(meanwhile, after) - before).toBeLessThanOrEqual(memoryMib * 1_048_576);
});

/** Connections that wait, opened a few at a time; each has its first bytes. */
async function openFollowers(
  count: number,
  requestOf: (index: number) => string,
): Promise<Socket[]> {
  const { hostname: host, port } = new URL(app.url);
  const sockets: Socket[] = [];
  for (let first = 0; first < count; first += 100) {
    const opened = Array.from({ length: Math.min(100, count - first) }, (_, offset) => {
      const socket = connect({ host, port: Number(port) });
      socket.on('error', () => undefined);
      socket.write(requestOf(first + offset));
      sockets.push(socket);
      return new Promise((resolve) => socket.once('connect', resolve));
    });
    await Promise.all(opened);
  }
  return sockets;
}

const requestFor = (mode: string, session: number): string =>
  `GET /v1/stream/idle/${session}?offset=now&live=${mode} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

test.each(['sse', 'long-poll'])(
  'followers that wait cost little and are kept alive: %s',
  async (mode) => {
    const count = isLong ? 10_000 : 2_000;
    const sessions = 100;
    await startServer({ TIDEMARK_LONG_POLL_MS: '55000' });
    for (let session = 0; session < sessions; session += 1) {
      await create(`${app.url}/v1/stream/idle/${session}`);
    }
    // What the first ones cost once is not what each costs.
    for (const socket of await openFollowers(200, (index) => requestFor(mode, index % sessions))) {
      socket.destroy();
    }
    await wait(1_000);
    const before = await residentBytes(app.pid);
    const sockets = await openFollowers(count, (index) => requestFor(mode, index % sessions));
    const heard = sockets.slice(0, 50).map((socket) => {
      const atMs: number[] = [];
      socket.on('data', () => atMs.push(performance.now()));
      return atMs;
    });
    for (const socket of sockets) socket.resume();
    await wait(mode === 'sse' ? 20_000 : 3_000);
    const after = await residentBytes(app.pid);
    const each = (after - before) / count;
    const open = sockets.filter(
      ({ destroyed, readableEnded }) => !destroyed && !readableEnded,
    ).length;
    const gaps = heard.flatMap((atMs) => atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? 0)));
    console.log(
      `measured: pid ${app.pid}, ${open} idle ${mode} followers: ${(each / 1_024).toFixed(1)} KiB each ` +
        `(${mib(before)} to ${mib(after)})` +
        (gaps.length > 0 ? `, silent for ${(Math.max(...gaps) / 1_000).toFixed(1)} s at most` : ''),
    );
    expect(open).toBe(count);
    expect(each).toBeLessThanOrEqual(40 * 1_024);
    if (mode === 'sse') {
      for (const atMs of heard) expect(atMs.length).toBeGreaterThanOrEqual(3);
      expect(Math.max(...gaps)).toBeLessThan(10_000);
    }
    // One event wakes all who follow its session, and nobody else.
    const woken = sockets
      .filter((_, index) => index % sessions === 0)
      .map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.on('data', (piece: Buffer) => {
              if (piece.includes('"wake"')) resolve();
            });
          }),
      );
    await send(`${app.url}/v1/stream/idle/0`, { method: 'POST', headers: json, body: '["wake"]' });
    await Promise.all(woken);
    for (const socket of sockets) socket.destroy();
  },
);

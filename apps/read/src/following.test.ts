// Those who follow a stream, by real sockets: what they are sent, what they hold, and how it ends.

import type { EventLog } from '@tidemark/ports';
import { afterEach, describe, expect, test } from 'vitest';
import { type Asking, type ServedReads, serveReads, until } from './testing/served-reads.ts';

let served: ServedReads;

afterEach(async () => {
  await served[Symbol.asyncDispose]();
});

const fromStart = 'offset=-1&live=sse';
const mib = 1_024 * 1_024;
const large = `"${'x'.repeat(8 * mib - 2)}"`;

/** Follows, and never reads what it is sent. */
function stall(name: string, more = ''): Asking {
  const asking = served.ask(name, fromStart + more);
  asking.socket.pause();
  return asking;
}

const dataIn = (body: string): unknown[] =>
  body
    .split('\n\n')
    .filter((frame) => frame.startsWith('event: data\n'))
    .flatMap((frame) => JSON.parse(frame.slice(frame.indexOf('data:') + 5)) as unknown[]);

describe('a stream that is deleted', () => {
  test('shows nothing to those who follow another of its name, while somebody still holds its frames', async () => {
    served = await serveReads();
    await served.create('a');
    await served.append('a', `["of the deleted",${large}]`);
    const stalled = stall('a');
    await until(() => served.gauge('edge_owed_bytes') > 0 || stalled.socket.bytesRead > 0);
    await served.remove('a');
    await served.create('a');
    await served.append('a', '"of the new"');
    const follower = served.ask('a', fromStart);
    await until(() => follower.body.includes('upToDate'));
    expect(dataIn(follower.body)).toEqual(['of the new']);
    expect(follower.text).not.toContain('of the deleted');
    for (const { socket } of [stalled, follower]) socket.destroy();
  });

  test('ends those who follow it, at its tail or not', async () => {
    served = await serveReads();
    await served.create('a');
    await served.append('a', '1');
    const follower = served.ask('a', fromStart);
    await until(() => follower.body.includes('upToDate'));
    await served.remove('a');
    await until(() => follower.isEnded);
    expect(dataIn(follower.body)).toEqual([1]);
  });

  test('ends those for whom it is being read', async () => {
    const gate = Promise.withResolvers<void>();
    let isGated = false;
    const reading = Promise.withResolvers<void>();
    const wrapLog = (log: EventLog): EventLog =>
      new Proxy(log, {
        get: (target, name) => {
          if (name !== 'read' || !isGated) return Reflect.get(target, name, target).bind(target);
          return async function* (...asked: Parameters<EventLog['read']>) {
            reading.resolve();
            await gate.promise;
            yield* target.read(...asked);
          };
        },
      });
    served = await serveReads({ memoryBytesMax: 1, wrapLog });
    await served.create('a');
    await served.append('a', '1');
    await served.create('other');
    await served.append('other', '2');
    isGated = true;
    const follower = served.ask('a', fromStart);
    await reading.promise;
    await served.remove('a');
    await until(() => follower.isEnded);
    isGated = false;
    gate.resolve();
    expect(follower.body).not.toContain('event: data');
  });

  test('is not found by who waits for more of it', async () => {
    served = await serveReads();
    await served.create('a');
    const waiting = served.ask('a', 'offset=-1&live=long-poll');
    await until(() => served.gauge('read_followers') === 1);
    await served.remove('a');
    await until(() => waiting.text.includes('404'));
    expect(served.gauge('read_followers')).toBe(0);
  });
});

describe('a reader that takes nothing of a large event', () => {
  test.each([
    ['as everybody is', ''],
    ['by itself', '&cursor=999999999'],
  ])(
    'holds its page once with all others, and its connection for 30 s: told %s',
    async (_, more) => {
      served = await serveReads();
      await served.create('a');
      await served.append('a', large);
      const before = process.memoryUsage().arrayBuffers;
      const stalled = Array.from({ length: 20 }, () => stall('a', more));
      await until(() => stalled.every(({ socket }) => socket.bytesWritten > 0));
      await until(() => served.gauge('read_followers') === 20);
      await until(() => served.gauge('edge_owed_bytes') >= 8 * mib);
      expect(served.gauge('edge_owed_bytes')).toBeLessThan(8 * mib + 20 * 2 * Buffer.poolSize);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * mib);
      // The 30 s are counted from the last byte that the system took.
      await served.takenAll(20);
      await served.clock.advance(29_000);
      expect(served.gauge('read_followers')).toBe(20);
      await served.clock.advance(3_000);
      await until(() => served.gauge('read_followers') === 0);
      expect(served.gauge('edge_owed_bytes')).toBe(0);
      for (const { socket } of stalled) socket.resume();
      await until(() => stalled.every(({ isClosed }) => isClosed));
    },
  );

  test('is sent all of it once it reads, and what was appended meanwhile', async () => {
    served = await serveReads();
    await served.create('a');
    await served.append('a', large);
    const follower = stall('a');
    await until(() => served.gauge('edge_owed_bytes') >= 8 * mib);
    await served.append('a', '1', '2');
    await served.clock.advance(15_000);
    follower.socket.resume();
    await until(() => follower.bytes > 8 * mib && follower.body.includes('"upToDate":true'));
    expect(dataIn(follower.body)).toEqual([JSON.parse(large), 1, 2]);
    expect(served.gauge('edge_owed_bytes')).toBe(0);
    follower.socket.destroy();
  });

  test('gets its event to the end, though its time is over in the middle of it', async () => {
    served = await serveReads();
    await served.create('a');
    const follower = served.ask('a', fromStart);
    await until(() => follower.body.includes('upToDate'));
    follower.socket.pause();
    await served.clock.advance(59_000);
    await served.append('a', large);
    await until(() => served.gauge('edge_owed_bytes') >= 8 * mib);
    await served.clock.advance(2_000);
    follower.socket.resume();
    await until(() => follower.isEnded);
    expect(dataIn(follower.body)).toEqual([JSON.parse(large)]);
  });
});

test('lines of any number are sent to the last, and cost a slice at a time', async () => {
  served = await serveReads();
  await served.create('a', 'text/plain');
  const lines = '\n'.repeat(2 * mib);
  await served.append('a', lines);
  const follower = stall('a');
  await until(() => served.gauge('edge_owed_bytes') > 2 * mib);
  expect(served.gauge('edge_owed_bytes')).toBeLessThan(3 * mib);
  follower.socket.resume();
  await until(() => follower.bytes > 12 * mib && follower.body.includes('upToDate'));
  const [data] = follower.body.split('\n\n');
  expect(data).toBe(`event: data\n${'data:\n'.repeat(2 * mib)}data:`);
  follower.socket.destroy();
});

test('those who stand at different places of one stream are all sent what comes next, once', async () => {
  served = await serveReads();
  await served.create('a');
  const followers: Asking[] = [];
  for (let event = 0; event < 5; event += 1) {
    followers.push(served.ask('a', fromStart), served.ask('a', fromStart));
    await until(() => served.gauge('read_followers') === followers.length);
    await served.append('a', String(event), `"${event}"`);
  }
  await served.append('a', '"last"');
  await until(() => followers.every(({ body }) => body.includes('"last"')));
  const all = [0, '0', 1, '1', 2, '2', 3, '3', 4, '4', 'last'];
  for (const { body, socket } of followers) {
    expect(dataIn(body)).toEqual(all);
    socket.destroy();
  }
});

test('very many are told in slices, between which the process does other things', async () => {
  served = await serveReads();
  await served.create('a');
  await served.create('b');
  const followers = Array.from({ length: 600 }, () => served.ask('a', fromStart));
  await until(() => served.gauge('read_followers') === followers.length);
  const other = served.ask('b', fromStart);
  await until(() => other.body.includes('upToDate'));
  await served.append('a', '"first"');
  await served.append('b', '"other"');
  await until(() => other.body.includes('"other"'));
  await until(() => followers.every(({ body }) => body.includes('"first"')));
  expect(dataIn(followers.at(-1)?.body ?? '')).toEqual(['first']);
  for (const { socket } of [...followers, other]) socket.destroy();
  await until(() => served.gauge('read_followers') === 0);
});

test('a process that stops ends them all', async () => {
  served = await serveReads();
  await served.create('a');
  const follower = served.ask('a', fromStart);
  const waiting = served.ask('a', 'offset=-1&live=long-poll');
  await until(() => served.gauge('read_followers') === 2);
  const stopping = served.stop();
  await until(() => follower.isEnded && waiting.isClosed);
  expect(waiting.text).toContain('204');
  await stopping;
});

// The protocol's own client, as an application has it.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DurableStream, IdempotentProducer, stream } from '@durable-streams/client';
import { type AppProcess, freePorts, startApp } from '@tidemark/infra';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

interface Message {
  readonly number: number;
}

let folder: string;
let port: number;
let app: AppProcess;

const start = (): Promise<AppProcess> =>
  startApp({
    app: 'server',
    index: 0,
    folder,
    env: {
      TIDEMARK_DATA_DIR: join(folder, 'data'),
      TIDEMARK_PORT: String(port),
      TIDEMARK_LONG_POLL_MS: '1000',
    },
  });
const urlOf = (name: string): string => `http://127.0.0.1:${port}/v1/stream/${name}`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-client-'));
  [port = 0] = await freePorts(1);
  app = await start();
});
afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
});

interface Following {
  /** Resolves once so many messages have come; rejects where the client gives up before. */
  reached(count: number): Promise<void>;
  readonly numbers: readonly number[];
  readonly offset: string;
  end(): void;
}

async function startFollowing(
  name: string,
  { live, offset }: { readonly live: 'long-poll' | 'sse'; readonly offset: string },
): Promise<Following> {
  const ending = new AbortController();
  const response = await stream<Message>({ url: urlOf(name), offset, live, signal: ending.signal });
  const numbers: number[] = [];
  const waiting = new Set<() => void>();
  let seen = offset;
  response.subscribeJson((batch) => {
    numbers.push(...batch.items.map(({ number }) => number));
    seen = batch.offset;
    for (const check of waiting) check();
  });
  const gaveUp = response.closed.then(() => {
    if (!ending.signal.aborted) throw new Error('the client closed the stream by itself');
  });
  gaveUp.catch(() => undefined);
  const reached = (count: number): Promise<void> => {
    const done = Promise.withResolvers<void>();
    const check = (): void => {
      if (numbers.length >= count) done.resolve();
    };
    waiting.add(check);
    check();
    return Promise.race([done.promise, gaveUp]);
  };
  return {
    reached,
    numbers,
    get offset() {
      return seen;
    },
    end: () => ending.abort(),
  };
}

/** Follows until so many messages have come. */
async function follow(
  name: string,
  from: { readonly live: 'long-poll' | 'sse'; readonly offset: string; readonly count: number },
): Promise<Pick<Following, 'numbers' | 'offset'>> {
  const following = await startFollowing(name, from);
  await following.reached(from.count);
  following.end();
  return following;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

describe.each(['long-poll', 'sse'] as const)('by %s', (live) => {
  test('a follower gets what is there and what comes, in order', async () => {
    const name = `live-${live}`;
    const handle = await DurableStream.create({
      url: urlOf(name),
      contentType: 'application/json',
    });
    for (const number of upTo(5)) await handle.append(JSON.stringify({ number }));
    const followed = follow(name, { live, offset: '-1', count: 10 });
    for (const number of upTo(10).slice(5)) await handle.append(JSON.stringify({ number }));
    expect((await followed).numbers).toEqual(upTo(10));
  });

  test('it goes on from its offset once the server was killed and started again', async () => {
    const name = `resumed-${live}`;
    const handle = await DurableStream.create({
      url: urlOf(name),
      contentType: 'application/json',
    });
    const producer = new IdempotentProducer(handle, 'producer', { autoClaim: true });
    for (const number of upTo(100)) producer.append(JSON.stringify({ number }));
    await producer.flush();
    const first = await follow(name, { live, offset: '-1', count: 100 });
    const killed = app.pid;
    app.kill('SIGKILL');
    await app.ended;
    app = await start();
    const rest = follow(name, { live, offset: first.offset, count: 100 });
    for (const number of upTo(200).slice(100)) producer.append(JSON.stringify({ number }));
    await producer.flush();
    await producer.close();
    expect([...first.numbers, ...(await rest).numbers]).toEqual(upTo(200));
    console.log(
      `measured: ${live}: 200 messages across the kill of pid ${killed}, now pid ${app.pid}`,
    );
  });

  // Where a connection is cut rather than ended, the client gives up on SSE: then it is as above.
  test('a follower that is connected when the server restarts comes back by itself', async () => {
    const name = `through-${live}`;
    const handle = await DurableStream.create({
      url: urlOf(name),
      contentType: 'application/json',
    });
    for (const number of upTo(10)) await handle.append(JSON.stringify({ number }));
    const following = await startFollowing(name, { live, offset: '-1' });
    await following.reached(10);
    app.kill('SIGTERM');
    await app.ended;
    app = await start();
    for (const number of upTo(20).slice(10)) await handle.append(JSON.stringify({ number }));
    await following.reached(20);
    following.end();
    expect(following.numbers).toEqual(upTo(20));
  });
});

test('it appends, closes and deletes, and hears so', async () => {
  const handle = await DurableStream.create({ url: urlOf('closed'), contentType: 'text/plain' });
  await handle.append('one ');
  await handle.close({ body: 'two' });
  const response = await stream({ url: urlOf('closed'), live: false });
  expect(await response.text()).toBe('one two');
  expect(await handle.head()).toMatchObject({ exists: true, streamClosed: true });
  await expect(handle.append('three')).rejects.toThrow(/closed/i);
  await handle.delete();
  expect(await handle.head()).toMatchObject({ exists: false });
});

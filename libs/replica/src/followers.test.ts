// Who follows is told everything of one incarnation once, and holds its session exactly meanwhile: in
// every order of what may happen, and whatever the replica keeps in memory.

import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { textOf } from '@tidemark/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FollowCursor, Piece } from './follow-cursor.ts';
import { Followers } from './followers.ts';
import { SharedPieces } from './shared-pieces.ts';
import { append, plain, SimulatedPublications, startProcess } from './testing.ts';

const name = 'followed' as SessionName;
const other = 'other' as SessionName;
const all = { bytesMax: 1_000, eventsMax: 1_000 };

async function start(memoryBytesMax = 1_000_000) {
  const clock = new SimulatedClock();
  const prng = new SeededPrng(1);
  const simulated = new SimulatedEventLog({ clock, prng, instant: true });
  const publications = new SimulatedPublications({ clock, prng });
  const log = simulated.connect('one');
  const process = await startProcess({ log, clock, prng, memoryBytesMax, publications });
  const deferred: (() => void)[] = [];
  const followers = new Followers(process.shards.reader, (run) => deferred.push(run));
  const { tenant, writes, shards } = process;
  const { replica, key } = shards.locate(tenant, name);
  await writes.create(tenant, other, plain);
  await writes.create(tenant, name, plain);
  return {
    ...{ clock, process, publications, followers, deferred, tenant, writes, replica, key },
    /** Runs what was deferred, as the loop would. */
    turn: (): void => {
      for (const run of deferred.splice(0)) run();
    },
    follow: (onMoved: () => void = () => undefined): Promise<FollowCursor> =>
      replica.with(key, (session) => {
        const incarnation = session.state.stream?.incarnation ?? '';
        return followers.follow({ replica, session, incarnation, position: 0 }, onMoved);
      }),
    publish: async (): Promise<void> => {
      const published = await publications.publish(replica);
      if (published !== undefined) await replica.moveTo(published);
    },
    /** As after a reload: what is held has another index. */
    restart: async (): Promise<void> => {
      const published = await publications.publish(replica);
      if (published === undefined) return;
      const { signal } = new AbortController();
      const found = await published.load(replica.fold.table.heldKeys(), signal);
      replica.fold.restart(published, found);
    },
  };
}

const eventsOf = (piece: Piece | undefined): unknown =>
  JSON.parse(`[${(piece?.bodies ?? []).map(textOf).join('').slice(0, -1)}]`);

test('a cursor yields what there is, says that it is at the tail, and is told of more', async () => {
  const { writes, tenant, follow, turn } = await start();
  await writes.append(tenant, name, append('1', '2'));
  let told = 0;
  const cursor = await follow(() => {
    told += 1;
  });
  expect(cursor.standing).toBe('ready');
  const piece = cursor.hot(all);
  expect(eventsOf(piece)).toEqual([1, 2]);
  cursor.take(piece as Piece);
  expect(cursor.standing).toBe('tail');
  await Promise.all([
    writes.append(tenant, name, append('3')),
    writes.append(tenant, name, append('4')),
  ]);
  expect(told).toBe(0);
  turn();
  expect(told).toBe(1);
  expect(eventsOf(cursor.hot(all))).toEqual([3, 4]);
  cursor.take(cursor.hot(all) as Piece);
  await writes.append(tenant, name, { ...append(), close: true });
  expect(cursor.standing).toBe('closed');
  cursor.end();
  expect(cursor.standing).toBe('over');
});

test('up to an end a cursor yields what lies before it, is closed there, and takes nothing from behind it', async () => {
  const { writes, tenant, replica, key, followers } = await start();
  await writes.append(tenant, name, append('1', '2', '3'));
  const cursor = await replica.with(key, (session) => {
    const incarnation = session.state.stream?.incarnation ?? '';
    const place = { replica, session, incarnation, position: 0, endPosition: 2 };
    return followers.follow(place, () => undefined);
  });
  const piece = cursor.hot(all) as Piece;
  expect(eventsOf(piece)).toEqual([1, 2]);
  expect(eventsOf(await cursor.fetch(all))).toEqual([1, 2]);
  expect(() => cursor.take({ ...piece, endPosition: 3 })).toThrow('behind the end');
  cursor.take(piece);
  expect(cursor.standing).toBe('closed');
  await writes.append(tenant, name, append('4'));
  expect(cursor.standing).toBe('closed');
  await writes.delete(tenant, name);
  expect(cursor.standing).toBe('gone');
  cursor.end();
});

test('another incarnation at the same place is nothing that a cursor takes', async () => {
  const { writes, tenant, follow } = await start();
  const old = await follow();
  await writes.append(tenant, name, append('"old"'));
  const piece = old.hot(all) as Piece;
  await writes.delete(tenant, name);
  expect(old.standing).toBe('gone');
  await writes.create(tenant, name, plain);
  await writes.append(tenant, name, append('"new"'));
  expect(old.standing).toBe('gone');
  const fresh = await follow();
  expect(() => fresh.take(piece)).toThrow('its own incarnation');
  const shared = new SharedPieces<string>({ countMax: 10, bytesMax: 1_000 });
  const made = { keeping: 0, isUpToDate: true, isFinal: false, encoded: 'old', encodedBytes: 3 };
  shared.add({ ...piece, ...made }, '');
  expect(shared.at(fresh, '')).toBeUndefined();
  old.end();
  fresh.end();
});

test('a shared piece is given only for as long as it says what would be said now', async () => {
  const { writes, tenant, follow } = await start();
  await writes.append(tenant, name, append('1'));
  const cursor = await follow();
  const shared = new SharedPieces<string>({ countMax: 2, bytesMax: 1_000 });
  const made = { keeping: 0, isUpToDate: true, isFinal: false, encoded: 'x', encodedBytes: 400 };
  const add = (variant: string): void =>
    shared.add({ ...(cursor.hot(all) as Piece), ...made }, variant);
  add('a');
  expect(shared.at(cursor, 'a')?.encoded).toBe('x');
  expect(shared.at(cursor, 'b')).toBeUndefined();
  add('b');
  add('c');
  expect(shared.bytes).toBe(800);
  expect(shared.at(cursor, 'a')).toBeUndefined();
  await writes.append(tenant, name, append('2'));
  expect(shared.at(cursor, 'b')).toBeUndefined();
  expect(shared.at(cursor, 'c')).toBeUndefined();
  add('c');
  expect(shared.bytes).toBe(800);
  cursor.end();
});

test('very many followers of one session keep those of another waiting for a turn at most', async () => {
  const { writes, tenant, process, replica, followers, follow, turn, deferred } = await start();
  const told: string[] = [];
  const many = await Promise.all(
    Array.from({ length: 1_000 }, () => follow(() => told.push('many'))),
  );
  const { key } = process.shards.locate(tenant, other);
  const one = await replica.with(key, (session) => {
    const incarnation = session.state.stream?.incarnation ?? '';
    const place = { replica, session, incarnation, position: 0 };
    return followers.follow(place, () => told.push('one'));
  });
  await writes.append(tenant, name, append('1'));
  await writes.append(tenant, other, append('1'));
  turn();
  expect(told.length).toBe(256);
  expect(told.indexOf('one')).toBeLessThan(100);
  while (deferred.length > 0) turn();
  expect(told.length).toBe(1_001);
  for (const cursor of [...many, one]) cursor.end();
  expect(followers.count).toBe(0);
});

test('a step behind the first of those who are being told is told to all of them', async () => {
  const { writes, tenant, follow, turn, deferred } = await start();
  const seen: number[] = [];
  const cursors = await Promise.all(
    Array.from({ length: 300 }, (_, index) =>
      follow(() => {
        seen[index] = cursors[index]?.stream?.tailSeq ?? 0;
      }),
    ),
  );
  await writes.append(tenant, name, append('1'));
  turn();
  await writes.append(tenant, name, append('2'));
  while (deferred.length > 0) turn();
  expect(new Set(seen)).toEqual(new Set([2]));
  for (const cursor of cursors) cursor.end();
});

test('whoever comes while the process stops is not kept', async () => {
  const { followers, follow } = await start();
  const early = await follow();
  followers.close();
  const late = await follow();
  expect([early.standing, late.standing]).toEqual(['stopped', 'stopped']);
  early.end();
  late.end();
});

test('what a reload gives a session other places for is followed on', async () => {
  const { writes, tenant, replica, key, follow, restart } = await start();
  await writes.append(tenant, name, append('1', '2'));
  const cursor = await follow();
  cursor.take(cursor.hot({ ...all, eventsMax: 1 }) as Piece);
  const fetching = cursor.fetch({ ...all, eventsMax: 1 });
  await restart();
  expect(eventsOf(await fetching)).toEqual([2]);
  expect(cursor.hot(all)).toBeUndefined();
  expect(eventsOf(await cursor.fetch(all))).toEqual([2]);
  cursor.end();
  expect(replica.fold.table.heldKeys()).not.toContain(key);
});

test('what is deleted while it is fetched is not given', async () => {
  const { writes, tenant, follow, restart } = await start();
  await writes.append(tenant, name, append('"old"'));
  await restart();
  const cursor = await follow();
  expect(cursor.hot(all)).toBeUndefined();
  const fetching = cursor.fetch(all);
  await Promise.all([writes.delete(tenant, name), writes.create(tenant, name, plain)]);
  expect(await fetching).toBeUndefined();
  expect(cursor.standing).toBe('gone');
  cursor.end();
});

type World = Awaited<ReturnType<typeof start>>;

/** What may happen to a session and to those who follow it. */
const steps: Readonly<Record<string, (world: World, alive: Set<FollowCursor>) => unknown>> = {
  append: ({ writes, tenant }) => writes.append(tenant, name, append('1')),
  close: ({ writes, tenant }) => writes.append(tenant, name, { ...append(), close: true }),
  delete: ({ writes, tenant }) => writes.delete(tenant, name),
  create: ({ writes, tenant }) => writes.create(tenant, name, plain),
  crowd: ({ writes, tenant }) => writes.append(tenant, other, append(`"${'x'.repeat(5_000)}"`)),
  publish: ({ publish }) => publish(),
  restart: ({ restart }) => restart(),
  turn: ({ turn }) => turn(),
  stop: ({ replica }) => void replica.stop('log-lost', 'planted'),
  follow: async ({ follow }, alive) => void alive.add(await follow()),
  take: (_, [cursor]) => {
    const piece = cursor?.standing === 'ready' ? cursor.hot(all) : undefined;
    if (piece !== undefined) cursor?.take(piece);
  },
  end: (_, alive) => {
    const [cursor] = alive;
    if (cursor !== undefined) alive.delete(cursor);
    cursor?.end();
    cursor?.end();
  },
};

test('a session is held exactly while somebody follows it, in every order of events', async () => {
  const orders = fc.array(fc.constantFrom(...Object.keys(steps)), { maxLength: 24 });
  await fc.assert(
    fc.asyncProperty(orders, async (order) => {
      const world = await start(4_096);
      const alive = new Set<FollowCursor>();
      const { replica, key, followers } = world;
      const fetches: Promise<unknown>[] = [];
      for (const step of order) {
        // What it meets cannot always be done.
        await Promise.resolve(steps[step]?.(world, alive)).catch(() => undefined);
        const [cursor] = alive;
        if (cursor?.standing === 'ready' && fetches.length === 0) fetches.push(cursor.fetch(all));
        expect(replica.fold.table.heldKeys().includes(key)).toBe(alive.size > 0);
      }
      await Promise.allSettled(fetches);
      for (const cursor of alive) cursor.end();
      expect(followers.count).toBe(0);
      expect(replica.fold.table.heldKeys()).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

import { SeededPrng, settle } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { textOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { append, plain, type SimulatedProcess, startInstant, startProcess } from './testing.ts';

async function textIn({ shards, tenant }: SimulatedProcess, name: string): Promise<string> {
  const { replica, key } = shards.locate(tenant, name);
  await replica.readIndex();
  const bounds = { position: 0, bytesMax: 1_000_000, eventsMax: 1_000 };
  return replica.with(key, async (session) => {
    const { bodies } = await shards.reader.read({ replica, session }, bounds);
    return bodies.map(textOf).join('');
  });
}

test('appends in order and reads back what was sent', async () => {
  const process = await startInstant();
  const name = 'a' as SessionName;
  const { writes, tenant } = process;
  expect(await writes.create(tenant, name, plain)).toMatchObject({ isNew: true });
  expect(await writes.create(tenant, name, plain)).toMatchObject({ isNew: false });
  const replies = await Promise.all(
    ['1', '2', '3'].map((event) => writes.append(tenant, name, append(event))),
  );
  expect(replies.map(({ firstSeq }) => firstSeq)).toEqual([0, 1, 2]);
  expect(await writes.append(tenant, name, append('4', '5'))).toMatchObject({
    firstSeq: 3,
    endSeq: 5,
  });
  expect(await textIn(process, name)).toBe('1,2,3,4,5,');
});

test('a fork reads its source up to where it left it', async () => {
  const process = await startInstant({ partitions: 4 });
  const { writes, tenant } = process;
  const [source, fork] = ['s', 'f'] as SessionName[] as [SessionName, SessionName];
  await writes.create(tenant, source, plain);
  const { nextOffset } = await writes.append(tenant, source, append('1', '2'));
  await writes.append(tenant, source, append('3'));
  const point = { source, offset: nextOffset, subOffset: 0 };
  await writes.create(tenant, fork, { ...plain, fork: point });
  await writes.append(tenant, fork, append('"f"'));
  expect(await textIn(process, fork)).toBe('1,2,"f",');
  await writes.delete(tenant, source);
  await expect(writes.append(tenant, source, append('4'))).rejects.toMatchObject({
    code: 'session-gone',
  });
  expect(await textIn(process, fork)).toBe('1,2,"f",');
  await writes.delete(tenant, fork);
  await expect(writes.append(tenant, source, append('4'))).rejects.toMatchObject({
    code: 'session-not-found',
  });
});

test('who cannot fork a source because its time is over ends it for everybody', async () => {
  const { writes, tenant, clock } = await startInstant();
  const [source, fork] = ['s', 'f'] as SessionName[] as [SessionName, SessionName];
  await writes.create(tenant, source, { ...plain, expiresAtMs: clock.nowMs() + 1_000 });
  clock.jump(2_000);
  const point = { source, offset: undefined, subOffset: 0 };
  await expect(writes.create(tenant, fork, { ...plain, fork: point })).rejects.toMatchObject({
    code: 'session-not-found',
  });
  // Also for those whose clock is behind.
  clock.jump(-2_000);
  await expect(writes.append(tenant, source, append('1'))).rejects.toMatchObject({
    code: 'session-not-found',
  });
});

test('an append that makes its session begins one anew whose time was over', async () => {
  const process = await startInstant();
  const { writes, tenant, clock } = process;
  const name = 'a' as SessionName;
  await writes.create(tenant, name, { ...plain, expiresAtMs: clock.nowMs() + 1_000 });
  await writes.append(tenant, name, append('1'));
  clock.jump(2_000);
  const appended = await writes.append(tenant, name, { ...append('2'), creates: true });
  expect(appended).toMatchObject({ firstSeq: 0, endSeq: 1 });
  expect(await textIn(process, name)).toBe('2,');
});

describe('readers of a stream that lives by being read', () => {
  const name = 'a' as SessionName;

  /** Two processes that have folded a stream whose last touch is a quarter of its TTL ago. */
  async function aged() {
    const one = await startInstant();
    const { simulated, clock, tenant } = one;
    const log = simulated.connect('two');
    const two = await startProcess({ log, clock, prng: new SeededPrng(2) });
    await one.writes.create(tenant, name, { ...plain, ttlMs: 8_000 });
    const { replica } = two.shards.locate(two.tenant, name);
    await replica.readIndex();
    clock.jump(2_000);
    return { ...one, two };
  }

  const renew = ({ shards, writes, tenant }: SimulatedProcess): Promise<void> => {
    const located = shards.locate(tenant, name);
    return located.replica.with(located.key, ({ state }) => writes.renew(located, state));
  };

  const revOf = async ({ shards, tenant }: SimulatedProcess): Promise<number> => {
    const { replica, key } = shards.locate(tenant, name);
    await replica.readIndex();
    return replica.with(key, ({ state }) => state.rev);
  };

  test('write one touch, however many they are and in whatever process', async () => {
    const one = await aged();
    const release = one.simulated.holdCommits();
    const early = Array.from({ length: 50 }, (_, index) => renew(index % 2 === 0 ? one : one.two));
    await settle();
    const late = Array.from({ length: 50 }, () => renew(one));
    await settle();
    release();
    await Promise.all([...early, ...late]);
    expect(await revOf(one)).toBe(2);
  });

  test('write another where the touch under way was decided too long before they came', async () => {
    const one = await aged();
    const release = one.simulated.holdCommits();
    const early = renew(one);
    await settle();
    one.clock.jump(1_500);
    const late = renew(one);
    await settle();
    release();
    await Promise.all([early, late]);
    expect(await revOf(one)).toBe(3);
  });
});

test('an append repeated by its key tells the cursor behind it, in a byte stream too', async () => {
  const { writes, tenant } = await startInstant();
  const name = 'bytes' as SessionName;
  await writes.create(tenant, name, { ...plain, contentType: 'text/plain' });
  const keyed = { ...append('one', 'two'), contentType: 'text/plain', key: 'key' };
  const first = await writes.append(tenant, name, keyed);
  await writes.append(tenant, name, { ...append('three'), contentType: 'text/plain' });
  const { isDuplicate, endSeq, nextOffset } = await writes.append(tenant, name, keyed);
  expect({ isDuplicate, endSeq, nextOffset }).toEqual({
    isDuplicate: true,
    endSeq: 2,
    nextOffset: first.nextOffset,
  });
});

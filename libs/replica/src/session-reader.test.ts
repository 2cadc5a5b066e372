import { noHeaders } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import { limits, type SessionName } from '@tidemark/protocol';
import { bytesOf, concatBytes, emptyBytes, textOf } from '@tidemark/std';
import { expect, test, vi } from 'vitest';
import { Page } from './page.ts';
import {
  append,
  byteStream,
  type ProcessOptions,
  plain,
  startInstant,
  startProcess,
} from './testing.ts';

const names = ['one', 'other'] as SessionName[] as [SessionName, SessionName];

/** A process that has folded two sessions and kept no body of the first. */
async function startCold(options: Pick<ProcessOptions, 'archive'> = {}) {
  const process = await startInstant({ memoryBytesMax: 1, ...options });
  const { writes, tenant, shards } = process;
  for (const name of names) {
    await writes.create(tenant, name, {
      contentType: 'application/json',
      ttlMs: undefined,
      expiresAtMs: undefined,
      isClosed: false,
      events: [bytesOf('1')],
      fork: undefined,
    });
  }
  const { replica, key } = shards.locate(tenant, names[0]);
  const { shard } = replica;
  const bounds = { position: 0, bytesMax: 100, eventsMax: 100 };
  const read = () =>
    replica.with(key, (session) => shards.reader.read({ replica, session }, bounds));
  return { ...process, shard, read };
}

test('bodies that are not kept are read again from the log', async () => {
  const { read } = await startCold();
  expect(textOf(concatBytes((await read()).bodies))).toBe('1,');
});

test('one event of tiny ones that are not kept costs a page of them, not a mebibyte', async () => {
  const { writes, tenant, shards } = await startInstant({ memoryBytesMax: 1 });
  const [name] = names;
  await writes.create(tenant, name, plain);
  const thousand = Array.from({ length: 1_000 }, () => '1');
  for (let round = 0; round < 10; round += 1) {
    await writes.append(tenant, name, append(...thousand));
  }
  const restored = vi.spyOn(Page, 'sized');
  const { replica, key } = shards.locate(tenant, name);
  const bounds = { position: 5_000, bytesMax: 1_048_576, eventsMax: 1 };
  const { bodies } = await replica.with(key, (session) =>
    shards.reader.read({ replica, session }, bounds),
  );
  expect(textOf(concatBytes(bodies))).toBe('1,');
  const counts = restored.mock.results.map(({ value }) => (value as Page).count);
  restored.mockRestore();
  expect(counts).toHaveLength(1);
  expect(counts[0]).toBeLessThanOrEqual(4_096);
});

test('events that lie far apart in the log are read for what they are, not for what lies between', async () => {
  const [clock, prng] = [new SimulatedClock(), new SeededPrng(1)];
  const log = new SimulatedEventLog({ clock, prng, instant: true }).connect('one');
  const { writes, tenant, shards } = await startProcess({ log, clock, prng, memoryBytesMax: 1 });
  for (const name of names) await writes.create(tenant, name, plain);
  const text = 'x'.repeat(400);
  const [rounds, own, others] = [4, 3, 600];
  for (let round = 0; round < rounds; round += 1) {
    const events = Array.from({ length: own }, (_, index) => `"${round}/${index} ${text}"`);
    await writes.append(tenant, names[0], append(...events));
    const between = Array.from({ length: others }, () => `"${text}"`);
    await writes.append(tenant, names[1], append(...between));
  }
  const reads = vi.spyOn(log, 'read');
  const { replica, key } = shards.locate(tenant, names[0]);
  const bounds = { position: 0, bytesMax: 1_048_576, eventsMax: 100 };
  const range = await replica.with(key, (session) =>
    shards.reader.read({ replica, session }, bounds),
  );
  const wanted = reads.mock.calls.map(([, { chunkBytesMax = 0 }]) => chunkBytesMax);
  expect(range.endSeq).toBe(rounds * own);
  expect(wanted).toEqual(Array.from({ length: rounds }, () => 16_384));
});

test('a few events of a large run are read by themselves, and its page once they are asked for often', async () => {
  const { writes, tenant, shards } = await startInstant({ memoryBytesMax: 1 });
  const [name] = names;
  await writes.create(tenant, name, plain);
  const bodyOf = (seq: number): string => `"${seq} ${'.'.repeat(1_000)}"`;
  const bodies = Array.from({ length: 200 }, (_, seq) => bodyOf(seq));
  await writes.append(tenant, name, append(...bodies));
  const { replica, key } = shards.locate(tenant, name);
  const readFrom = (position: number, eventsMax: number) =>
    replica.with(key, (session) =>
      shards.reader.read({ replica, session }, { position, bytesMax: 1_048_576, eventsMax }),
    );
  const restored = vi.spyOn(Page, 'sized');
  const pagesAfter: number[] = [];
  for (const position of [150, 20, 20, 199, 3, 4]) {
    const { endPosition, endSeq, split } = await readFrom(position, 2);
    expect(split().map(textOf)).toEqual(bodies.slice(position, position + 2));
    expect(endPosition).toBe(Math.min(200, position + 2));
    expect(endSeq).toBe(endPosition);
    pagesAfter.push(restored.mock.calls.length);
  }
  restored.mockRestore();
  expect(pagesAfter.slice(0, 5)).toEqual([0, 0, 0, 0, 1]);
});

test('another record where an event was is never served', async () => {
  const { read, simulated, shard } = await startCold();
  const records = simulated.records(shard);
  const [first] = records;
  simulated.loseTail(shard, first?.offset ?? 0n);
  // The other session's create and event, of the same seq and length, where the one's were.
  for (const record of records.slice(2)) simulated.injectForeign(shard, record);
  await expect(read()).rejects.toMatchObject({ code: 'corrupt' });
});

test('records that a log skips instead of an event are not waited for', async () => {
  const { read, simulated, shard } = await startCold();
  simulated.loseTail(shard, simulated.records(shard)[0]?.offset ?? 0n);
  simulated.injectSkip(shard, 4);
  const foreign = { key: emptyBytes, value: emptyBytes, headers: noHeaders, timeMs: 0 };
  simulated.injectForeign(shard, foreign);
  await expect(read()).rejects.toMatchObject({ code: 'corrupt' });
});

test('events that somebody trimmed away before they were archived are told as lost', async () => {
  const archive = { read: () => Promise.resolve() };
  const { read, simulated, shard, clock } = await startCold({ archive });
  const records = simulated.records(shard);
  await clock.runUntil(simulated.connect('operator').trim(shard, records.at(-1)?.offset ?? 0n));
  await expect(read()).rejects.toMatchObject({ code: 'corrupt' });
});

test('a log that ends where an event was makes nobody wait for ever', async () => {
  const { read, simulated, shard, clock } = await startCold();
  const [, event] = simulated.records(shard);
  simulated.loseTail(shard, event?.offset ?? 0n);
  const reading = read().catch((cause: unknown) => cause);
  await clock.advance(limits.appendDeadlineMs);
  expect(await reading).toMatchObject({ code: 'unavailable' });
});

test('the boundary behind a position is the end of the event that it lies in', async () => {
  const { writes, tenant, shards } = await startInstant({ memoryBytesMax: 1 });
  const name = 'bytes' as SessionName;
  await writes.create(tenant, name, byteStream);
  for (const text of ['abc', 'defgh']) {
    const events = [bytesOf(text)];
    await writes.append(tenant, name, { ...append(), contentType: 'text/plain', events });
  }
  const { replica, key } = shards.locate(tenant, name);
  const boundaryAfter = (position: number): Promise<number> =>
    replica.with(key, (session) => shards.reader.boundaryAfter({ replica, session }, position));
  expect(await boundaryAfter(0)).toBe(3);
  expect(await boundaryAfter(1)).toBe(3);
  expect(await boundaryAfter(3)).toBe(8);
  expect(await boundaryAfter(8)).toBe(8);
});

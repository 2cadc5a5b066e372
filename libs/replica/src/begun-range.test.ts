// What comes while a range is sent is what would have been read at once, or nothing comes any more.

import type { SessionName } from '@tidemark/protocol';
import { bytesOf, concatBytes } from '@tidemark/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BegunRange, beginRead, wholeRange } from './begun-range.ts';
import { noArchive } from './event-archive.ts';
import { type LocatedSession, SessionReader } from './session-reader.ts';
import type { Shards } from './shards.ts';
import { append, byteStream, plain, startInstant } from './testing.ts';

const name = 'long' as SessionName;
const everything = { position: 0, bytesMax: 1 << 30, eventsMax: Number.MAX_SAFE_INTEGER };

/** A session of several runs, of which nothing is kept in memory but the last. */
async function startLong(isJson: boolean, memoryBytesMax = 1) {
  const process = await startInstant({ memoryBytesMax });
  const { writes, tenant, shards } = process;
  const create = isJson ? plain : byteStream;
  await writes.create(tenant, name, create);
  for (let round = 0; round < 6; round += 1) {
    const texts = Array.from({ length: 7 }, (_, at) => `"${round}${at}${'x'.repeat(60_000)}"`);
    const events = isJson ? texts.map((text) => bytesOf(text)) : [bytesOf(texts.join(''))];
    const { contentType } = create;
    await writes.append(tenant, name, { ...append(), contentType, events });
  }
  const { replica, key } = shards.locate(tenant, name);
  const held = await replica.holdOne(key);
  const located: LocatedSession = { replica, session: held };
  return { ...process, located };
}

async function whole({ bodies, later }: BegunRange): Promise<Uint8Array> {
  const pieces = [concatBytes(bodies)];
  for await (const more of later()) pieces.push(concatBytes(more));
  return concatBytes(pieces);
}

test.each([true, false])('it is what is read at once. JSON: %s', async (isJson) => {
  const { shards, located } = await startLong(isJson);
  const all = await shards.reader.read(located, everything);
  const end = all.endPosition;
  let begunCount = 0;
  const bounds = fc.record({
    position: fc.nat(end),
    bytesMax: fc.oneof(fc.integer({ min: 0, max: 3_000_000 }), fc.constant(everything.bytesMax)),
  });
  await fc.assert(
    fc.asyncProperty(bounds, async (wanted) => {
      const begun = await beginRead(shards.reader, located, { ...everything, ...wanted });
      const sent = begun.bodies.reduce((sum, { length }) => sum + length, 0);
      const bytes = await whole(begun);
      expect(bytes.length).toBe(sent + begun.laterBytes);
      if (begun.laterBytes > 0) {
        begunCount += 1;
        expect(bytes.length).toBeLessThanOrEqual(wanted.bytesMax);
      }
      const eventsMax = isJson ? begun.endPosition - wanted.position : everything.eventsMax;
      const same = { position: wanted.position, bytesMax: bytes.length, eventsMax };
      const { bodies, ...at } = await shards.reader.read(located, same);
      expect(Buffer.compare(bytes, concatBytes(bodies))).toBe(0);
      expect(begun).toMatchObject({ endPosition: at.endPosition, endSeq: at.endSeq });
    }),
    { numRuns: 40 },
  );
  expect(begunCount).toBeGreaterThan(5);
  const entire = await beginRead(shards.reader, located, everything);
  expect(entire.endPosition).toBe(end);
  expect(entire.laterBytes).toBeGreaterThan(0);
});

test('a session that is read once leaves the memory as it was, and one that is read again stays', async () => {
  const { shards, located } = await startLong(true, 1 << 28);
  const { events } = located.session;
  const { budget } = shards;
  events?.coolAll();
  expect(budget.bodyBytes).toBe(0);
  const first = await whole(await beginRead(shards.reader, located, everything));
  // The last run has no step of its own behind it.
  expect(budget.bodyBytes).toBeLessThan(first.length / 3);
  const again = await whole(await beginRead(shards.reader, located, everything));
  expect(budget.bodyBytes).toBeGreaterThan(first.length);
  const hot = shards.reader.readHot(located.session, everything);
  for (const bytes of [again, concatBytes(hot?.bodies ?? [])]) {
    expect(Buffer.compare(bytes, first)).toBe(0);
  }
});

test('whoever reads at once with others has all of it, in every order', async () => {
  const { shards, located } = await startLong(true, 1 << 28);
  const all = concatBytes((await shards.reader.read(located, everything)).bodies);
  const reader = fc.record({
    isBegun: fc.boolean(),
    position: fc.nat(41),
    pauses: fc.array(fc.nat(6), { minLength: 1, maxLength: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(reader, { minLength: 2, maxLength: 4 }), async (readers) => {
      located.session.events?.coolAll();
      // One that has let nothing go yet.
      const fresh = freshReader(shards);
      const found = readers.map(async ({ isBegun, position, pauses }) => {
        const pause = async (at: number): Promise<void> => {
          for (let left = pauses[at % pauses.length] ?? 0; left > 0; left -= 1) await turn();
        };
        await pause(0);
        const bounds = { ...everything, position };
        const begun = isBegun
          ? await beginRead(fresh, located, bounds)
          : wholeRange(await fresh.read(located, bounds));
        await pause(1);
        const pieces = [concatBytes(begun.bodies)];
        for await (const more of begun.later()) {
          await pause(pieces.length + 1);
          pieces.push(concatBytes(more));
        }
        return concatBytes(pieces);
      });
      for (const [index, bytes] of (await Promise.all(found)).entries()) {
        const wanted = all.subarray(startOf(all, readers[index]?.position ?? 0));
        expect(Buffer.compare(bytes, wanted)).toBe(0);
      }
    }),
    { numRuns: 60 },
  );
});

test('what is let go at any step of another read is read anew by it', async () => {
  const { shards, located } = await startLong(true, 1 << 28);
  const { events } = located.session;
  const first = { ...everything, bytesMax: events?.runAt(0)?.lengthBytes ?? 0 };
  const wanted = concatBytes((await shards.reader.read(located, first)).bodies);
  let anew = 0;
  for (let steps = 0; steps < 40; steps += 1) {
    events?.coolAll();
    const reader = freshReader(shards);
    const lent = await reader.lend(located, first);
    const other = reader.read(located, first);
    for (let step = 0; step < steps; step += 1) await Promise.resolve();
    const page = events?.runAt(0)?.page;
    lent.letGo();
    if (page?.isFreed) anew += 1;
    expect(Buffer.compare(concatBytes((await other).bodies), wanted)).toBe(0);
  }
  expect(anew).toBeGreaterThan(1);
});

function freshReader({ parts, budget }: Shards): SessionReader {
  const { log, clock, archive = noArchive } = parts;
  const noFork = () => Promise.reject(new Error('no session is a fork'));
  return new SessionReader({ log, clock, archive }, budget, noFork);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Where the event at a position begins, among JSON events as they are served. */
function startOf(served: Uint8Array, position: number): number {
  let at = 0;
  for (let left = position; left > 0; left -= 1) at = served.indexOf(0x2c, at) + 1;
  return at;
}

test('a read of so many events is not cut at a run', async () => {
  const { shards, located } = await startLong(true);
  const begun = await beginRead(shards.reader, located, { ...everything, eventsMax: 40 });
  expect([begun.endSeq, begun.laterBytes]).toEqual([40, 0]);
});

test('what was deleted meanwhile, and made anew, does not come', async () => {
  const { shards, located, writes, tenant } = await startLong(true);
  const begun = await beginRead(shards.reader, located, everything);
  await writes.delete(tenant, name);
  await expect(whole(begun)).rejects.toMatchObject({ code: 'unavailable' });
  await writes.create(tenant, name, plain);
  for (let round = 0; round < 6; round += 1) {
    const texts = Array.from({ length: 7 }, (_, at) => `"${round}${at}${'y'.repeat(60_000)}"`);
    await writes.append(tenant, name, append(...texts));
  }
  await expect(whole(begun)).rejects.toMatchObject({ code: 'unavailable' });
});

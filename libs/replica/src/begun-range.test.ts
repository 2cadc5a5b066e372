// What comes while a range is sent is what would have been read at once, or nothing comes any more.

import type { SessionName } from '@tidemark/protocol';
import { bytesOf, concatBytes } from '@tidemark/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BegunRange, beginRead } from './begun-range.ts';
import type { LocatedSession } from './session-reader.ts';
import { append, byteStream, plain, startInstant } from './testing.ts';

const name = 'long' as SessionName;
const everything = { position: 0, bytesMax: 1 << 30, eventsMax: Number.MAX_SAFE_INTEGER };

/** A session of several runs, of which nothing is kept in memory but the last. */
async function startLong(isJson: boolean) {
  const process = await startInstant({ memoryBytesMax: 1 });
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
  const pieces = [...bodies];
  for await (const more of later()) pieces.push(...more);
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
      const bytes = await whole(begun);
      const sent = begun.bodies.reduce((sum, { length }) => sum + length, 0);
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

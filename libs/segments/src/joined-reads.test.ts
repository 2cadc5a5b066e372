import { Fault, type ObjectStore } from '@tidemark/ports';
import {
  SeededPrng,
  SimulatedClock,
  SimulatedObjectStore,
  type SimulatedStoreHandle,
} from '@tidemark/ports/testing';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { JoinedReads, near } from './joined-reads.ts';

const body = new SeededPrng(2).bytes(8_000_000);
const { signal } = new AbortController();

async function stored(): Promise<SimulatedStoreHandle> {
  const parts = { clock: new SimulatedClock(), prng: new SeededPrng(1), instant: true };
  const store = new SimulatedObjectStore(parts).connect('reads');
  await store.putIfAbsent('one', body);
  await store.putIfAbsent('two', body);
  return store;
}

describe('reads of one turn', () => {
  test('are one request where they lie near, and each has its own bytes', async () => {
    const store = await stored();
    const reads = new JoinedReads(store);
    const ranges = [
      { firstByte: 200_000, endByte: 300_000 },
      { firstByte: 100_000, endByte: 200_500 },
      { firstByte: 300_100, endByte: 300_200 },
      { firstByte: 7_000_000, endByte: 7_000_001 },
    ];
    const found = await Promise.all(ranges.map((range) => reads.read('one', range, signal)));
    for (const [index, { firstByte, endByte }] of ranges.entries()) {
      expect(Buffer.from(found[index] ?? []).equals(body.subarray(firstByte, endByte))).toBe(true);
    }
    expect(store.counts.get).toBe(2);
  });

  test('of two objects, or of two turns, are requests of their own', async () => {
    const store = await stored();
    const reads = new JoinedReads(store);
    const range = { firstByte: 0, endByte: 10 };
    await Promise.all([reads.read('one', range, signal), reads.read('two', range, signal)]);
    await reads.read('one', range, signal);
    expect(store.counts.get).toBe(3);
    expect(await reads.read('none', range, signal)).toBeUndefined();
  });

  test('of which some have come go on in the order in which they were asked for', async () => {
    const replies = new Map<number, () => void>();
    const getRange: ObjectStore['getRange'] = (_key, { firstByte, endByte }) => {
      const { promise, resolve } = Promise.withResolvers<{ body: Uint8Array; etag: string }>();
      replies.set(firstByte, () => resolve({ body: body.subarray(firstByte, endByte), etag: 'e' }));
      return promise;
    };
    const reads = new JoinedReads({ getRange });
    const came: string[] = [];
    const read = async (key: string, firstByte: number): Promise<void> => {
      await reads.read(key, { firstByte, endByte: firstByte + 100_000 }, signal);
      came.push(`${key} ${firstByte}`);
    };
    const all = [0, 100_000, 200_000].map((at) => read('one', at));
    all.push(...[300_000, 400_000].map((at) => read('two', at)));
    await Promise.resolve();
    replies.get(300_000)?.();
    replies.get(0)?.();
    await Promise.all(all);
    const [begun, ...others] = came;
    expect(['one 0', 'two 300000']).toContain(begun);
    const inOrder = ['one 0', 'one 100000', 'one 200000', 'two 300000', 'two 400000'];
    expect(others).toEqual(inOrder.filter((name) => name !== begun));
  });

  test('give what there is where the object ends', async () => {
    const reads = new JoinedReads(await stored());
    const [whole, cut] = await Promise.all([
      reads.read('one', { firstByte: 7_999_000, endByte: 7_999_500 }, signal),
      reads.read('one', { firstByte: 7_999_400, endByte: 8_000_400 }, signal),
    ]);
    expect([whole?.length, cut?.length]).toEqual([500, 600]);
  });

  test('end only once nobody waits any more', async () => {
    let told: AbortSignal | undefined;
    const { promise, resolve } = Promise.withResolvers<{ body: Uint8Array; etag: string }>();
    const getRange: ObjectStore['getRange'] = (_key, _range, given) => {
      told = given;
      return promise;
    };
    const reads = new JoinedReads({ getRange });
    const [first, second] = [new AbortController(), new AbortController()];
    const left = reads.read('one', { firstByte: 0, endByte: 5 }, first.signal);
    const stays = reads.read('one', { firstByte: 5, endByte: 10 }, second.signal);
    await vi.waitFor(() => expect(told).toBeDefined());
    first.abort();
    expect(told?.aborted).toBe(false);
    resolve({ body: body.subarray(0, 10), etag: 'e' });
    await expect(left).rejects.toMatchObject({ reason: 'aborted' });
    expect((await stays)?.length).toBe(5);
    const alone = reads.read('one', { firstByte: 0, endByte: 5 }, second.signal);
    second.abort();
    await expect(alone).rejects.toMatchObject({ reason: 'aborted' });
    expect(told?.aborted).toBe(true);
  });

  test('fail together', async () => {
    const fault = new Fault('unavailable', 'away', { effect: 'none' });
    const getRange: ObjectStore['getRange'] = () => Promise.reject(fault);
    const reads = new JoinedReads({ getRange });
    const range = { firstByte: 0, endByte: 5 };
    const both = [reads.read('one', range, signal), reads.read('one', range, signal)];
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
    ]);
  });
});

test('groups hold every range once, none too large, and none that could be joined apart', () => {
  const range = fc.tuple(fc.nat({ max: 20_000_000 }), fc.integer({ min: 1, max: 500_000 }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 40 }), (pairs) => {
      const asked = pairs.map(([firstByte, bytes], index) => {
        return { range: { firstByte, endByte: firstByte + bytes }, index };
      });
      const groups = near(asked);
      const indexes = groups.flat().map(({ index }) => index);
      expect(indexes.sort((one, other) => one - other)).toEqual(asked.map(({ index }) => index));
      for (const group of groups) {
        const first = Math.min(...group.map((each) => each.range.firstByte));
        const end = Math.max(...group.map((each) => each.range.endByte));
        expect(group.length === 1 || end - first <= 4 * 1_024 * 1_024).toBe(true);
      }
    }),
  );
});

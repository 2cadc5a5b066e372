import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ObjectStore, silentLogger, type silentMetrics } from '@tidemark/ports';
import {
  describeObjectStore,
  SeededPrng,
  SimulatedClock,
  SimulatedObjectStore,
  type SimulatedStoreHandle,
} from '@tidemark/ports/testing';
import { present } from '@tidemark/std';
import { afterEach, describe, expect, test } from 'vitest';
import { openRangeCache } from './range-cache.ts';

const folders: string[] = [];
afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-cache-'));
  folders.push(folder);
  return folder;
};

class Counted {
  readonly counts = new Map<string, number>();
  readonly metrics: typeof silentMetrics = {
    counter: ({ name }) => ({
      add: (count) => void this.counts.set(name, (this.counts.get(name) ?? 0) + count),
    }),
    gauge: () => ({ set: () => undefined }),
    observedGauge: () => undefined,
    histogram: () => ({ observe: () => undefined }),
  };

  get(name: string): number {
    return this.counts.get(`tidemark_cache_${name}_total`) ?? 0;
  }
}

const bucket = (): SimulatedStoreHandle =>
  new SimulatedObjectStore({
    clock: new SimulatedClock(),
    prng: new SeededPrng(1),
    instant: true,
  }).connect('cache');

describeObjectStore('a store behind a cache on the disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-cache-'));
  const parts = {
    clock: new SimulatedClock(),
    logger: silentLogger,
    metrics: new Counted().metrics,
  };
  const store = bucket();
  const cache = await openRangeCache(store, parts, { directory, bytesMax: 1_024 * 1_024 });
  return {
    store: cache,
    secondHandle: store,
    [Symbol.asyncDispose]: async () => {
      await cache[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
});

const key = 'shards/tidemark.acme/0/e1/segments/0-9-a.ndjson.zst';
const body = new SeededPrng(7).bytes(1_000_000);

interface Cached {
  readonly cache: ObjectStore;
  readonly store: SimulatedStoreHandle;
  readonly counted: Counted;
  readonly clock: SimulatedClock;
  readonly directory: string;
}

async function cached(
  options: { readonly bytesMax?: number; readonly on?: Cached } = {},
): Promise<Cached> {
  const directory = options.on?.directory ?? (await newFolder());
  const counted = new Counted();
  const clock = options.on?.clock ?? new SimulatedClock(Date.now());
  const store = options.on?.store ?? bucket();
  if (options.on === undefined) await store.putIfAbsent(key, body);
  const parts = { clock, logger: silentLogger, metrics: counted.metrics };
  const bytesMax = options.bytesMax ?? 16 * 1_024 * 1_024;
  const cache = await openRangeCache(store, parts, { directory, bytesMax });
  return { cache, store, counted, clock, directory };
}

/** Whole, and not being written. */
const filesOf = async ({ directory }: Cached): Promise<readonly string[]> =>
  (await readdir(directory)).filter((name) => /-\d+$/.test(name));

const read = async ({ cache }: Cached, firstByte: number, endByte: number): Promise<Buffer> => {
  const found = await cache.getRange(key, { firstByte, endByte });
  return Buffer.from(present(found, 'object').body);
};

describe('the cache', () => {
  test('gives every range as the store does, and asks for each block once', async () => {
    const one = await cached();
    expect((await read(one, 0, 1_100_000)).equals(body)).toBe(true);
    await expect.poll(() => filesOf(one)).toHaveLength(4);
    const prng = new SeededPrng(3);
    for (let round = 0; round < 200; round += 1) {
      const [from, to] = [prng.below(1_000_001), prng.below(1_040_000)].sort((a, b) => a - b);
      const [first = 0, end = 0] = [from, to];
      expect((await read(one, first, end)).equals(body.subarray(first, end))).toBe(true);
    }
    expect(one.store.counts.get).toBe(1);
    expect(one.counted.get('hits')).toBeGreaterThan(300);
    await one.cache[Symbol.asyncDispose]();
  });

  test('asks once for what many want at once', async () => {
    const one = await cached();
    await Promise.all(Array.from({ length: 20 }, () => read(one, 10, 900_000)));
    expect(one.store.counts.get).toBe(1);
    await one.cache[Symbol.asyncDispose]();
  });

  test('is still there for the next process', async () => {
    const one = await cached();
    await read(one, 0, 1_000_000);
    await one.cache[Symbol.asyncDispose]();
    const asked = one.store.counts.get;
    const next = await cached({ on: one });
    expect((await read(next, 0, 1_000_000)).equals(body)).toBe(true);
    expect(one.store.counts.get).toBe(asked);
    await next.cache[Symbol.asyncDispose]();
  });

  test('a file with any bit flipped is read from the store again', async () => {
    const one = await cached();
    await read(one, 0, 100);
    await one.cache[Symbol.asyncDispose]();
    const [name = ''] = await readdir(one.directory);
    const path = join(one.directory, name);
    const whole = await readFile(path);
    const prng = new SeededPrng(5);
    const bits = [
      0,
      33,
      64,
      79,
      80,
      ...Array.from({ length: 20 }, () => prng.below(whole.length * 8)),
    ];
    for (const bit of bits) {
      const rotten = Buffer.from(whole);
      rotten[bit >>> 3]! ^= 1 << (bit & 7);
      await writeFile(path, rotten);
      const next = await cached({ on: one });
      expect((await read(next, 0, 1_000)).equals(body.subarray(0, 1_000))).toBe(true);
      expect(next.counted.get('corrupt')).toBe(1);
      await next.cache[Symbol.asyncDispose]();
    }
  });

  test('a file under the name of another block is no other’s', async () => {
    const one = await cached();
    await read(one, 0, 600_000);
    await one.cache[Symbol.asyncDispose]();
    const [first = '', second = ''] = (await readdir(one.directory)).sort();
    await writeFile(join(one.directory, second), await readFile(join(one.directory, first)));
    const next = await cached({ on: one });
    expect((await read(next, 0, 600_000)).equals(body.subarray(0, 600_000))).toBe(true);
    expect(next.counted.get('corrupt')).toBe(1);
    await next.cache[Symbol.asyncDispose]();
  });

  test('stays within its budget, and removes what is not its own', async () => {
    const one = await cached({ bytesMax: 600_000 });
    await writeFile(join(one.directory, 'other'), 'x');
    for (let from = 0; from < 1_000_000; from += 262_144) await read(one, from, from + 10);
    await one.cache[Symbol.asyncDispose]();
    const next = await cached({ on: one, bytesMax: 600_000 });
    expect((await readdir(one.directory)).length).toBe(2);
    await next.cache[Symbol.asyncDispose]();
  });

  test('keeps nothing longer than an hour, nor what was deleted', async () => {
    const one = await cached();
    await read(one, 0, 10);
    await one.cache[Symbol.asyncDispose]();
    const next = await cached({ on: one });
    await one.clock.advance(3_700_000);
    await expect.poll(() => filesOf(one)).toEqual([]);
    await read(next, 0, 10);
    await expect.poll(() => filesOf(one)).toHaveLength(1);
    await next.cache.deleteMany([key]);
    await expect.poll(() => filesOf(one)).toEqual([]);
    expect(await next.cache.getRange(key, { firstByte: 0, endByte: 10 })).toBeUndefined();
    await next.cache[Symbol.asyncDispose]();
  });

  test('keeps nothing of what may change', async () => {
    const one = await cached();
    const manifest = 'shards/tidemark.acme/0/e1/segments.json';
    await one.store.putIfAbsent(manifest, body);
    await one.cache.getRange(manifest, { firstByte: 0, endByte: 10 });
    await one.cache[Symbol.asyncDispose]();
    expect(await readdir(one.directory)).toEqual([]);
  });

  test('goes on without a folder', async () => {
    const one = await cached();
    await rm(one.directory, { recursive: true });
    expect((await read(one, 0, 10)).equals(body.subarray(0, 10))).toBe(true);
    expect((await read(one, 0, 10)).equals(body.subarray(0, 10))).toBe(true);
    await one.cache[Symbol.asyncDispose]();
    folders.splice(0);
  });
});

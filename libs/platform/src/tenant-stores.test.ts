import { Fault, type ObjectStore, silentLogger, silentMetrics } from '@tidemark/ports';
import {
  describeObjectStore,
  SeededPrng,
  SimulatedClock,
  SimulatedObjectStore,
  type SimulatedStoreHandle,
} from '@tidemark/ports/testing';
import type { TenantId } from '@tidemark/protocol';
import { TenantDirectory } from '@tidemark/replica';
import { absentSession, type TenantBucket, tenantSession } from '@tidemark/session';
import { bytesOf, Secret, textOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { Alarms } from './alarms.ts';
import { bucketFaults } from './bucket-check.ts';
import { type BucketSettings, TenantStores } from './tenant-stores.ts';

const acme = 'acme' as TenantId;

class Cell {
  readonly clock = new SimulatedClock();
  readonly buckets = new Map<string, SimulatedObjectStore>();
  readonly opened: BucketSettings[] = [];
  readonly closed: string[] = [];
  readonly failing = new Map<string, Fault>();
  readonly directory = new TenantDirectory();
  readonly alarms = new Alarms({
    clock: this.clock,
    logger: silentLogger,
    metrics: silentMetrics,
  });
  readonly own = this.#bucket('own').connect('own');
  readonly stores: TenantStores;

  constructor(sealingKey?: string) {
    this.stores = new TenantStores({
      own: this.own,
      prng: new SeededPrng(1),
      metrics: silentMetrics,
      sealingKey: sealingKey === undefined ? undefined : new Secret(sealingKey),
      open: async (settings) => this.#open(settings),
    });
    this.stores.join(this);
  }

  #bucket(name: string): SimulatedObjectStore {
    const parts = { clock: this.clock, prng: new SeededPrng(1), instant: true };
    const bucket = this.buckets.get(name) ?? new SimulatedObjectStore(parts);
    this.buckets.set(name, bucket);
    return bucket;
  }

  #open(settings: BucketSettings): ObjectStore {
    this.opened.push(settings);
    const store = this.#bucket(settings.bucket).connect(settings.bucket);
    const failing = (): void => {
      const fault = this.failing.get(settings.bucket);
      if (fault !== undefined) throw fault;
    };
    return Object.assign(Object.create(store) as SimulatedStoreHandle, {
      get: async (key: string) => (failing(), store.get(key)),
      putIfAbsent: async (key: string, body: Uint8Array) => (
        failing(), store.putIfAbsent(key, body)
      ),
      compareAndSwap: store.compareAndSwap.bind(store),
      getRange: store.getRange.bind(store),
      head: store.head.bind(store),
      list: store.list.bind(store),
      deleteMany: store.deleteMany.bind(store),
      [Symbol.asyncDispose]: async () => void this.closed.push(settings.bucket),
    });
  }

  tenant(id: string, bucket?: TenantBucket): void {
    const state = absentSession('$control', tenantSession(id));
    state.entry = {
      kind: 'tenant',
      topic: `tidemark.${id}`,
      partitions: 1,
      isPooled: false,
      durability: 'replicated',
      logEpoch: 'e',
      level: 1,
      keys: [],
      quotas: {},
      isSuspended: false,
      bucket,
    };
    this.directory.take(state);
  }

  keysIn(name: string): string[] {
    return [...(this.buckets.get(name)?.objects().keys() ?? [])];
  }
}

const bucket = (name: string): TenantBucket => ({ name, region: 'eu-central-1' });
const keyOf = (tenant: string): string => `shards/tidemark.${tenant}/0/e/segments/one`;

describeObjectStore('the server’s own bucket, among those of tenants', async () => {
  const { stores, own } = new Cell();
  return { store: stores, secondHandle: own, [Symbol.asyncDispose]: async () => undefined };
});

describe('the stores of tenants', () => {
  test('keep what is a tenant’s in its bucket, and all else in the server’s own', async () => {
    const cell = new Cell();
    const { stores } = cell;
    cell.tenant('acme', bucket('acmes'));
    cell.tenant('other', bucket('others'));
    cell.tenant('plain');
    for (const tenant of ['acme', 'other', 'plain']) {
      await stores.putIfAbsent(keyOf(tenant), bytesOf(tenant));
    }
    await stores.putIfAbsent('shards/tidemark-pool.0/1/e/segments.json', bytesOf('pool'));
    await stores.putIfAbsent('shards/tidemark-control/0/e/sessions.json', bytesOf('control'));
    await stores.putIfAbsent('tidemark/ready', bytesOf('ready'));
    expect(cell.keysIn('acmes')).toEqual([keyOf('acme')]);
    expect(cell.keysIn('others')).toEqual([keyOf('other')]);
    expect(cell.keysIn('own')).toHaveLength(4);
    const found = await stores.get(keyOf('acme'));
    expect(found && textOf(found.body)).toBe('acme');
    const listed: string[] = [];
    for await (const { key } of stores.list('shards/tidemark.other/')) listed.push(key);
    expect(listed).toEqual([keyOf('other')]);
    await stores.deleteMany([keyOf('acme'), keyOf('other'), keyOf('plain')]);
    expect([cell.keysIn('acmes'), cell.keysIn('others')]).toEqual([[], []]);
    expect(cell.opened.map(({ bucket: name }) => name)).toEqual(['acmes', 'others']);
  });

  test('touch nothing of a tenant that is not known yet', async () => {
    const cell = new Cell();
    await expect(cell.stores.putIfAbsent(keyOf('acme'), bytesOf('x'))).rejects.toMatchObject({
      reason: 'unavailable',
      effect: 'none',
    });
    expect(cell.keysIn('own')).toEqual([]);
  });

  test('a bucket that fails rings by its tenant’s name until it works, and harms no other', async () => {
    const cell = new Cell();
    const { stores } = cell;
    cell.tenant('acme', bucket('acmes'));
    cell.tenant('other', bucket('others'));
    cell.failing.set('acmes', new Fault('denied', 'no', { effect: 'none' }));
    await expect(stores.get(keyOf('acme'))).rejects.toMatchObject({ reason: 'denied' });
    await stores.putIfAbsent(keyOf('other'), bytesOf('x'));
    expect(Object.keys(cell.alarms.warnings())).toEqual(['objects acme']);
    expect(cell.alarms.failures()).toEqual({});
    cell.failing.clear();
    await stores.get(keyOf('acme'));
    expect(cell.alarms.warnings()).toEqual({});
  });

  test('the server’s own that fails rings where nothing can be done without it', async () => {
    const fault = new Fault('unavailable', 'away', { effect: 'none' });
    const get = (): Promise<never> => Promise.reject(fault);
    for (const isOwnNeeded of [true, false]) {
      const { alarms, directory } = new Cell();
      const own = { get } as unknown as ObjectStore;
      const open = (): Promise<ObjectStore> => Promise.resolve(own);
      const parts = { own, open, prng: new SeededPrng(1), metrics: silentMetrics, isOwnNeeded };
      const stores = new TenantStores(parts);
      stores.join({ directory, alarms });
      await expect(stores.get('tidemark/x')).rejects.toBe(fault);
      expect(Object.keys(alarms.failures())).toEqual(isOwnNeeded ? ['objects'] : []);
    }
  });

  test('a secret is kept sealed, for its tenant alone, and opened where the bucket is', async () => {
    const cell = new Cell('a sealing key');
    const sealed = cell.stores.seal(acme, 'the secret');
    expect(sealed).not.toContain('the secret');
    const access = { kind: 'key', id: 'AK', sealed } as const;
    cell.tenant('acme', { ...bucket('acmes'), access });
    cell.tenant('other', { ...bucket('acmes'), access });
    await cell.stores.get(keyOf('acme'));
    expect(cell.opened[0]?.secretAccessKey?.reveal()).toBe('the secret');
    expect(JSON.stringify(cell.opened)).not.toContain('the secret');
    await expect(cell.stores.get(keyOf('other'))).rejects.toMatchObject({ reason: 'denied' });
    expect(() => new Cell().stores.seal(acme, 'x')).toThrow(
      expect.objectContaining({ code: 'no-credential' }),
    );
  });

  test('a bucket is opened anew where it is reached in another way, once its calls have ended', async () => {
    const cell = new Cell();
    cell.tenant('acme', bucket('acmes'));
    await cell.stores.get(keyOf('acme'));
    cell.tenant('acme', bucket('acmes'));
    await cell.stores.get(keyOf('acme'));
    expect(cell.opened).toHaveLength(1);
    const listing = cell.stores.list('shards/tidemark.acme/')[Symbol.asyncIterator]();
    await cell.stores.putIfAbsent(keyOf('acme'), bytesOf('x'));
    await listing.next();
    cell.tenant('acme', { ...bucket('acmes'), region: 'eu-west-1' });
    await cell.stores.get(keyOf('acme'));
    expect([cell.opened.length, cell.closed.length]).toEqual([2, 0]);
    await listing.next();
    expect(cell.closed).toEqual(['acmes']);
    await cell.stores[Symbol.asyncDispose]();
    expect(cell.closed).toEqual(['acmes', 'acmes']);
  });

  test('a check of a bucket says what is missing, and leaves nothing in it', async () => {
    const cell = new Cell();
    expect(await cell.stores.check(acme, bucket('fresh'))).toEqual([]);
    expect(cell.keysIn('fresh')).toEqual([]);
    cell.failing.set('fresh', new Fault('missing', 'NoSuchBucket', { effect: 'none' }));
    expect(await cell.stores.check(acme, bucket('fresh'))).toEqual(['writing an object: missing']);
    expect(cell.closed).toEqual(['fresh', 'fresh']);
  });
});

describe('the faults of a bucket', () => {
  const store = (): SimulatedStoreHandle =>
    new SimulatedObjectStore({
      clock: new SimulatedClock(),
      prng: new SeededPrng(1),
      instant: true,
    }).connect('one');
  const but = (change: Partial<ObjectStore>): Promise<readonly string[]> => {
    const base = store();
    const calls = [
      'putIfAbsent',
      'compareAndSwap',
      'get',
      'getRange',
      'head',
      'list',
      'deleteMany',
    ];
    const bound = calls.map((name) => {
      const call = base[name as 'get'] as (...args: unknown[]) => unknown;
      return [name, call.bind(base)];
    });
    return bucketFaults({ ...Object.fromEntries(bound), ...change } as ObjectStore, 'check');
  };
  const denied = (): never => {
    throw new Fault('denied', 'AccessDenied', { effect: 'none' });
  };

  test('are those of each thing that it does not do', async () => {
    expect(await but({})).toEqual([]);
    expect(await but({ get: async () => denied() })).toEqual(['reading an object: denied']);
    expect(await but({ list: () => denied() })).toEqual(['listing objects: denied']);
    expect(await but({ deleteMany: async () => denied() })).toEqual(['deleting objects: denied']);
    expect(await but({ deleteMany: async () => undefined })).toEqual([
      'deleting objects: the object is still there',
    ]);
    const takesAll = async () => ({ kind: 'stored', etag: 'e' }) as const;
    expect(await but({ compareAndSwap: takesAll })).toEqual([
      'replacing if unchanged: its condition is ignored',
    ]);
    expect(await but({ putIfAbsent: takesAll })).toEqual([
      'writing if absent: its condition is ignored',
      'reading an object: it is not what was written',
      'reading a range: it is not what was written',
      'listing objects: what was written is not listed',
    ]);
  });
});

// Tenants and their keys, made by processes that know nothing of one another.

import {
  randomFaults,
  SeededPrng,
  SimulatedClock,
  SimulatedEventLog,
} from '@tidemark/ports/testing';
import { isProblem, limits, type TenantId } from '@tidemark/protocol';
import { describe, expect, test } from 'vitest';
import type { TenantRequest } from './tenant-registry.ts';
import { type SimulatedProcess, startInstant, startProcess } from './testing.ts';

const [a, b] = ['a', 'b'] as TenantId[] as [TenantId, TenantId];

const request = (id: TenantId, keyHash?: string): TenantRequest => ({
  id,
  placement: { kind: 'own', partitions: 1 },
  durability: 'replicated',
  keyHash,
});

const opens = async ({ shards }: SimulatedProcess, hash: string): Promise<string | undefined> =>
  (await shards.currentDirectory()).byKeyHash(hash)?.tenant.id;

async function startTwo(): Promise<readonly [SimulatedProcess, SimulatedProcess]> {
  const one = await startInstant();
  const { simulated, clock } = one;
  const log = simulated.connect('two');
  return [one, await startProcess({ log, clock, prng: new SeededPrng(2) })];
}

describe('a tenant', () => {
  test('is made once, and confirmed to whoever asks for the same', async () => {
    const [one, two] = await startTwo();
    const made = await one.registry.create(request(a, 'key'));
    expect(made).toMatchObject({
      isNew: true,
      isKeyNew: true,
      tenant: { keys: [{ hash: 'key' }] },
    });
    expect(await two.registry.create(request(a, 'key'))).toMatchObject({
      isNew: false,
      isKeyNew: false,
      tenant: { logEpoch: made.tenant.logEpoch },
    });
    await expect(two.registry.create(request(a, 'another'))).rejects.toMatchObject({
      code: 'tenant-exists',
    });
    const placement = { kind: 'pool' } as const;
    await expect(two.registry.create({ ...request(a, 'key'), placement })).rejects.toMatchObject({
      code: 'tenant-exists',
    });
    // What was asked for in vain is free.
    await two.registry.create(request(b, 'another'));
    expect(await opens(one, 'another')).toBe('b');
  });

  test('from before there were keys takes one, and is found without keys whatever it is', async () => {
    const { registry, tenant } = await startInstant({ partitions: 2 });
    const own = {
      ...request(tenant.id, 'key'),
      placement: { kind: 'own', partitions: 2 },
    } as const;
    expect(await registry.create(own)).toMatchObject({ isNew: false, isKeyNew: true });
    expect(await registry.create(own)).toMatchObject({ isNew: false, isKeyNew: false });
    expect(await registry.ensure(request(tenant.id))).toMatchObject({ partitions: 2 });
  });

  test('that is suspended opens to nobody, in every process, until it is resumed', async () => {
    const [one, two] = await startTwo();
    await one.registry.create(request(a, 'key'));
    await one.registry.suspend(a, true);
    expect(await opens(two, 'key')).toBeUndefined();
    await two.registry.suspend(a, false);
    expect(await opens(one, 'key')).toBe('a');
    await expect(one.registry.suspend(b, true)).rejects.toMatchObject({ code: 'not-found' });
  });
});

test('whose sessions lie in a topic is told as they are now', async () => {
  const { registry, shards } = await startInstant();
  const idsOn = (topic: string): string[] =>
    Array.from(shards.directory.onTopic(topic), ({ id, isSuspended }) =>
      isSuspended ? `${id} suspended` : id,
    );
  await registry.create(request(a));
  for (const id of ['p', 'q'] as TenantId[]) {
    await registry.create({ ...request(id), placement: { kind: 'pool' } });
  }
  await registry.suspend('p' as TenantId, true);
  const { topic } = shards.directory.get('p') ?? {};
  expect(idsOn(topic ?? '').toSorted()).toEqual(['p suspended', 'q']);
  expect(idsOn('tidemark.a')).toEqual(['a']);
  expect(idsOn('tidemark.b')).toEqual([]);
});

describe('a key', () => {
  test('of one tenant is refused to every other', async () => {
    const [one, two] = await startTwo();
    await one.registry.create(request(a, 'key'));
    await expect(two.registry.create(request(b, 'key'))).rejects.toMatchObject({
      code: 'key-taken',
    });
    expect(one.shards.directory.get(b)).toBeUndefined();
    await two.registry.create(request(b, 'other'));
    await expect(two.registry.addKey(b, 'key')).rejects.toMatchObject({ code: 'key-taken' });
    expect(await opens(one, 'key')).toBe('a');
  });

  test('is added beside others, and revoked in every process that follows the log', async () => {
    const [one, two] = await startTwo();
    await one.registry.create(request(a, 'first'));
    await two.registry.addKey(a, 'second');
    const { version } = one.shards.directory;
    expect(await opens(one, 'second')).toBe('a');
    expect(one.shards.directory.version).toBeGreaterThan(version);
    await one.registry.revokeKey(a, 'second');
    expect(await opens(two, 'second')).toBeUndefined();
    expect(await opens(two, 'first')).toBe('a');
    await two.registry.create(request(b, 'second'));
    expect(await opens(one, 'second')).toBe('b');
  });

  test('is one of so many of its tenant', async () => {
    const { registry } = await startInstant();
    await registry.create(request(a));
    for (let key = 0; key < limits.tenantKeysMax; key += 1) await registry.addKey(a, `key ${key}`);
    await expect(registry.addKey(a, 'one more')).rejects.toMatchObject({ code: 'too-large' });
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'opens one tenant of all that were made with it at once, over a log that fails (seed %i)',
    async (seed) => {
      const clock = new SimulatedClock();
      const prng = new SeededPrng(seed);
      const simulated = new SimulatedEventLog({ clock, prng: prng.fork('log') });
      const processes = await Promise.all(
        ['one', 'two', 'three'].map((name) => {
          const log = simulated.connect(name);
          return clock.runUntil(startProcess({ log, clock, prng: prng.fork(name) }));
        }),
      );
      const faults = { before: 0.05, 'lost-request': 0.05, 'lost-reply': 0.1, twice: 0.1 };
      const draw = randomFaults(prng.fork('faults'), faults);
      simulated.setFaults((call) => (call === 'append' ? draw(call) : undefined));
      const ids = ['a', 'b', 'c'] as TenantId[];
      const outcomes = await clock.runUntil(
        Promise.all(
          processes.flatMap(({ registry }, index) =>
            [0, 1].map(() => outcomeOf(registry.create(pooled(ids[index] as TenantId, 'key')))),
          ),
        ),
      );
      simulated.setFaults();
      const owners = await Promise.all(
        processes.map((process) => clock.runUntil(opens(process, 'key'))),
      );
      const [owner] = owners;
      expect(new Set(owners).size).toBe(1);
      for (const [index, outcome] of outcomes.entries()) {
        const id = ids[Math.floor(index / 2)];
        if (outcome === 'made') expect(id).toBe(owner);
        else expect(outcome === 'key-taken' ? id !== owner : outcome).toBeTruthy();
      }
      const epochs = processes.flatMap(({ shards }) =>
        shards.directory.all.filter(({ isPooled }) => isPooled).map(({ logEpoch }) => logEpoch),
      );
      expect(new Set(epochs).size).toBeLessThanOrEqual(1);
    },
  );
});

const pooled = (id: TenantId, keyHash: string): TenantRequest => ({
  ...request(id, keyHash),
  placement: { kind: 'pool' },
});

/** `made` where the tenant is there by now, or the code of the problem. */
const outcomeOf = (made: Promise<unknown>): Promise<string> =>
  made.then(
    () => 'made',
    (cause: unknown) => {
      if (isProblem(cause)) return cause.code;
      throw cause;
    },
  );

test('tenants that were first in a pool at once have its one log epoch', async () => {
  const [one, two] = await startTwo();
  const made = await Promise.all([
    one.registry.create(pooled(a, 'one')),
    two.registry.create(pooled(b, 'two')),
  ]);
  expect(new Set(made.map(({ tenant }) => tenant.logEpoch)).size).toBe(1);
});

describe('a tenant with a bucket of its own', () => {
  const bucket = { name: 'as', region: 'eu-central-1', prefix: 'logs/' };

  test('has it for good; how it is reached may change', async () => {
    const { registry, shards } = await startInstant();
    const { isNew } = await registry.create({ ...request(a), bucket });
    expect(isNew).toBe(true);
    expect((await registry.create({ ...request(a), bucket })).isNew).toBe(false);
    await expect(registry.create(request(a))).rejects.toMatchObject({ code: 'tenant-exists' });
    const moved = { ...bucket, region: 'eu-west-1', endpoint: 'http://s3.test' };
    await registry.changeBucket(a, moved);
    expect((await shards.currentDirectory()).get(a)?.bucket).toEqual(moved);
    for (const other of [
      { ...bucket, name: 'others' },
      { ...bucket, prefix: undefined },
    ]) {
      await expect(registry.changeBucket(a, other)).rejects.toMatchObject({
        code: 'invalid-request',
      });
    }
    await registry.create(request(b));
    await expect(registry.changeBucket(b, bucket)).rejects.toMatchObject({
      code: 'invalid-request',
    });
    expect((await shards.currentDirectory()).get(b)?.bucket).toBeUndefined();
  });
});

test('what a tenant exports is on, of another format, and off', async () => {
  const { registry, shards } = await startInstant();
  await registry.create(request(a));
  const told = async () => (await shards.currentDirectory()).get(a)?.materialized;
  await registry.materialize(a, undefined);
  expect(await told()).toBeUndefined();
  await registry.materialize(a, 'parquet');
  await registry.materialize(a, 'ndjson');
  expect(await told()).toEqual({ format: 'ndjson', isOn: true });
  await registry.materialize(a, undefined);
  expect(await told()).toEqual({ format: 'ndjson', isOn: false });
});

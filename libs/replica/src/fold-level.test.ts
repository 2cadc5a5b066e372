// A rolling upgrade: two fold levels side by side on one log, raised once every process knows it.

import { type Shard, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName, TenantId } from '@tidemark/protocol';
import { decodeRecord, encodeRecordHeaders, type SessionState } from '@tidemark/session';
import { bytesOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { raiseFoldLevel } from './fold-levels.ts';
import { shardSession } from './shard-fold.ts';
import { Shards } from './shards.ts';
import { TenantRegistry, type TenantRequest } from './tenant-registry.ts';
import { shardsOf, type Tenant } from './tenants.ts';
import { append, plain, type SimulatedProcess, startInstant, startProcess } from './testing.ts';
import { Writers } from './writers.ts';

const name = 'a' as SessionName;

const locate = ({ shards, tenant }: SimulatedProcess) => shards.locate(tenant, name);

async function stateIn(process: SimulatedProcess): Promise<SessionState | undefined> {
  const { replica, key } = locate(process);
  await replica.readIndex();
  return replica.fold.table.resident(key)?.state;
}

interface Fleet {
  readonly older: Awaited<ReturnType<typeof startInstant>>;
  readonly newer: SimulatedProcess;
  readonly shard: Shard;
}

async function startFleet(): Promise<Fleet> {
  const older = await startInstant({ knownLevel: 1 });
  const { simulated, clock } = older;
  const log = simulated.connect('newer');
  const newer = await startProcess({ log, clock, prng: new SeededPrng(2), knownLevel: 2 });
  await older.writes.create(older.tenant, name, plain);
  return { older, newer, shard: locate(older).replica.shard };
}

/** What a process that is ahead of its time would write behind the session's last record. */
async function injectOfLevel({ older, newer, shard }: Fleet, level: number): Promise<void> {
  const state = await stateIn(newer);
  const event = {
    kind: 'event',
    rev: state?.rev ?? 0,
    id: 'f'.repeat(32),
    prev: state?.lastId ?? '',
    logEpoch: older.tenant.logEpoch,
    level,
    timeMs: state?.lastTimeMs ?? 0,
    value: bytesOf('"ahead"'),
    seq: state?.stream?.tailSeq ?? 0,
    count: 1,
  } as const;
  const headers = encodeRecordHeaders(event);
  older.simulated.injectForeign(shard, {
    key: bytesOf(name),
    value: event.value,
    headers,
    timeMs: event.timeMs,
  });
}

const raise = ({ newer }: Fleet): Promise<unknown> =>
  newer.writers.of(locate(newer).replica).submit(shardSession, { kind: 'level', level: 2 });

test('both levels write one log, and agree on every record', async () => {
  const { older, newer } = await startFleet();
  for (let seq = 0; seq < 10; seq += 1) {
    const process = seq % 2 === 0 ? older : newer;
    const reply = await older.clock.runUntil(
      process.writes.append(process.tenant, name, append(String(seq))),
    );
    expect(reply.firstSeq).toBe(seq);
  }
  await stateIn(older);
  await stateIn(newer);
  expect(locate(older).replica.fold.digest).toBe(locate(newer).replica.fold.digest);
  expect(locate(older).replica.fold.level).toBe(1);
});

test('a record of a higher level is void for both until the level is raised', async () => {
  const fleet = await startFleet();
  const { older, newer } = fleet;
  await injectOfLevel(fleet, 2);
  for (const process of [older, newer]) {
    expect((await stateIn(process))?.stream?.tailSeq).toBe(0);
    expect(locate(process).replica.fold.counts.void).toBe(1);
  }
  expect(locate(older).replica.fold.digest).toBe(locate(newer).replica.fold.digest);
  const reply = older.writes.append(older.tenant, name, append('1'));
  expect(await older.clock.runUntil(reply)).toMatchObject({ firstSeq: 0 });
});

test('once it is raised the older stops rather than disagree, and the newer goes on', async () => {
  const fleet = await startFleet();
  const { older, newer } = fleet;
  await older.writes.append(older.tenant, name, append('1'));
  await raise(fleet);
  await expect(stateIn(older)).rejects.toMatchObject({ code: 'shard-stopped' });
  await expect(older.writes.append(older.tenant, name, append('2'))).rejects.toMatchObject({
    code: 'shard-stopped',
  });
  expect(older.shards.stopped.get(fleet.shard)).toMatchObject({
    reason: 'unknown-level',
    advice: 'replace this process by the release that raised the level',
  });
  expect(locate(newer).replica.fold.level).toBe(2);
  await injectOfLevel(fleet, 2);
  expect((await stateIn(newer))?.stream?.tailSeq).toBe(2);
  expect(await newer.writes.append(newer.tenant, name, append('3'))).toMatchObject({ firstSeq: 2 });
});

test('an append of the older that meets the raise is not answered as if it stood', async () => {
  const fleet = await startFleet();
  const { older, newer } = fleet;
  await older.writes.append(older.tenant, name, append('1'));
  await older.clock.advance(60_000);
  await raise(fleet);
  // It has not read the raise: its batch lands behind it.
  await expect(older.writes.append(older.tenant, name, append('2'))).rejects.toMatchObject({
    kind: { effect: 'unknown' },
  });
  const tail = (await stateIn(newer))?.stream?.tailSeq;
  expect([1, 2]).toContain(tail);
});

test('an older process that starts behind the raise serves nothing of the shard', async () => {
  const fleet = await startFleet();
  const { older } = fleet;
  await raise(fleet);
  const { simulated, clock } = older;
  const log = simulated.connect('restarted');
  const late = await startProcess({ log, clock, prng: new SeededPrng(3), knownLevel: 1 });
  await expect(stateIn(late)).rejects.toMatchObject({ code: 'shard-stopped' });
});

test('a record is stamped with the level that it needs, not with the level of its shard', async () => {
  const fleet = await startFleet();
  const { older, newer, shard } = fleet;
  await raise(fleet);
  await newer.writes.append(newer.tenant, name, append('1'));
  const levels = older.simulated.records(shard).map((stored) => {
    const decoded = decodeRecord(stored);
    return decoded.kind === 'record' ? decoded.record.level : undefined;
  });
  expect(new Set(levels)).toEqual(new Set([1]));
});

describe('a cell', () => {
  /** A cell that was founded at a level, and a process that knows so many. */
  async function foundedAt(level: number, knownLevel: number) {
    const clock = new SimulatedClock();
    const prng = new SeededPrng(1);
    const simulated = new SimulatedEventLog({ clock, prng, instant: true });
    const open = (process: string, known: number) => {
      const log = simulated.connect(process);
      const parts = { log, clock, prng, logger: silentLogger, metrics: silentMetrics };
      const shards = new Shards(parts, { memoryBytesMax: 1_024 * 1_024, knownLevel: known });
      const writers = new Writers(parts);
      return { shards, writers, registry: new TenantRegistry(shards, writers) };
    };
    const founder = open('founder', level);
    await founder.shards.start();
    const { control } = founder.shards;
    await founder.writers.of(control).submit(shardSession, { kind: 'genesis', level });
    return { founder, process: open('one', knownLevel) };
  }

  const made = (id: string): TenantRequest => ({
    id: id as TenantId,
    placement: { kind: 'own', partitions: 2 },
    durability: 'replicated',
    keyHash: undefined,
  });

  const levelsOf = async ({ shards }: { readonly shards: Shards }, id: string) => {
    const tenant = (await shards.currentDirectory()).get(id) as Tenant;
    const replicas = shardsOf(tenant).map((shard) => shards.replica(tenant, shard));
    await Promise.all(replicas.map((replica) => replica.readIndex()));
    return replicas.map(({ fold }) => fold.level);
  };

  test('begins at the level of its release, and its new shards with it', async () => {
    const { founder, process } = await foundedAt(3, 3);
    await process.shards.start();
    expect(process.shards.control.fold.level).toBe(3);
    await founder.registry.create(made('t'));
    expect(await levelsOf(process, 't')).toEqual([3, 3]);
  });

  test('beyond a process is not served by it, the directory included', async () => {
    const { process } = await foundedAt(3, 2);
    await expect(process.shards.start()).rejects.toMatchObject({ code: 'shard-stopped' });
    expect(process.shards.control.stopped?.reason).toBe('unknown-level');
  });

  test('is raised as a whole, what is made behind that included, and once is enough', async () => {
    const { founder, process } = await foundedAt(1, 2);
    await process.shards.start();
    await founder.registry.create(made('before'));
    const cell = { shards: process.shards, writers: process.writers };
    const raised = { level: 2, shardCount: 3, behind: new Map() };
    expect(await raiseFoldLevel(cell, 2)).toEqual(raised);
    await process.registry.create(made('behind'));
    expect(await levelsOf(process, 'before')).toEqual([2, 2]);
    expect(await levelsOf(process, 'behind')).toEqual([2, 2]);
    const { position } = process.shards.control.fold;
    expect(await raiseFoldLevel(cell, 2)).toEqual({ ...raised, shardCount: 5 });
    expect(process.shards.control.fold.position).toBe(position);
    await expect(raiseFoldLevel(cell, 3)).rejects.toMatchObject({ code: 'invalid-request' });
  });

  test('tells which of its shards could not be raised', async () => {
    const { founder, process } = await foundedAt(1, 2);
    await process.shards.start();
    await founder.registry.create(made('t'));
    const tenant = (await process.shards.currentDirectory()).get('t') as Tenant;
    const [first, second] = shardsOf(tenant);
    process.shards.replica(tenant, first as Shard).stop('corrupt', 'planted');
    const cell = { shards: process.shards, writers: process.writers };
    expect((await raiseFoldLevel(cell, 2)).behind).toEqual(new Map([[first, 'shard-stopped']]));
    expect(process.shards.replica(tenant, second as Shard).fold.level).toBe(2);
  });
});

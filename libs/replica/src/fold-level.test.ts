// A rolling upgrade: two fold levels side by side on one log, raised once every process knows it.

import type { Shard } from '@tidemark/ports';
import { SeededPrng } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { encodeRecordHeaders, type SessionState } from '@tidemark/session';
import { bytesOf } from '@tidemark/std';
import { expect, test } from 'vitest';
import { shardSession } from './shard-fold.ts';
import { append, plain, type SimulatedProcess, startInstant, startProcess } from './testing.ts';

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

// What is published is the fold of the log below it, whatever befalls the publisher on its way: a process
// that begins with it, and looks up the rest, finds what a fold from the log's beginning finds.

import { type Metrics, silentLogger, silentMetrics } from '@tidemark/ports';
import {
  type FaultKind,
  faultAtCall,
  SeededPrng,
  SimulatedClock,
  SimulatedEventLog,
  SimulatedObjectStore,
  withEveryFault,
} from '@tidemark/ports/testing';
import { isProblem, type SessionName } from '@tidemark/protocol';
import type { SessionState } from '@tidemark/session';
import { TableStore } from '@tidemark/tables';
import { describe, expect, test } from 'vitest';
import { agendaOf } from './agenda.ts';
import { manifestKey, tablePrefix } from './publication-manifest.ts';
import { Publisher, publisherDefaults } from './publisher.ts';
import type { ShardReplica } from './shard-replica.ts';
import { TablePublications } from './table-publications.ts';
import { append, plain, type SimulatedProcess, startProcess } from './testing.ts';

const nameOf = (index: number): SessionName => `s${index}` as SessionName;

class Cell {
  readonly clock = new SimulatedClock();
  readonly #log = new SimulatedEventLog({
    clock: this.clock,
    prng: new SeededPrng(1),
    instant: true,
  });
  readonly store: SimulatedObjectStore;
  #starts = 0;

  constructor(store?: SimulatedObjectStore) {
    const prng = new SeededPrng(2);
    this.store = store ?? new SimulatedObjectStore({ clock: this.clock, prng, instant: true });
    // A log that is founded elsewhere has another epoch.
    this.#starts = store === undefined ? 0 : 100;
  }

  async start(memoryBytesMax = 1 << 30) {
    this.#starts += 1;
    const { clock } = this;
    const prng = new SeededPrng(10 + this.#starts);
    const objects = this.store.connect(`${this.#starts}`);
    const tables = new TableStore(objects, { cacheBytesMax: 1_000_000 });
    const publications = new TablePublications(objects, tables);
    const log = this.#log.connect(`${this.#starts}`);
    const process = await startProcess({ log, clock, prng, memoryBytesMax, publications });
    const metrics: Metrics = silentMetrics;
    const ports = { clock, prng, logger: silentLogger, metrics };
    const settings = { ...publisherDefaults, graceMs: 1_000 };
    const publisher = new Publisher({ ...ports, publications }, process.shards, settings);
    const { replica } = process.shards.locate(process.tenant, nameOf(0));
    const publish = () => clock.runUntil(publisher.publish(replica));
    return { ...process, replica, publisher, publish, objects, publications };
  }

  /** Every session as a process sees it that has just started, and where its fold stands. */
  async seen(): Promise<unknown> {
    const { replica } = await this.start(1);
    return this.statesIn(replica);
  }

  async statesIn(replica: ShardReplica): Promise<unknown> {
    await this.clock.runUntil(replica.readIndex());
    const states: SessionState[] = [];
    const scanned = (async () => {
      for await (const state of replica.scan('')) states.push(state);
    })();
    await this.clock.runUntil(scanned);
    const told = states.map(({ name, rev, lastId, life, stream, owed }) => {
      return { name, rev, lastId, life, tail: stream?.tailSeq, owed };
    });
    told.sort((one, other) => (one.name < other.name ? -1 : 1));
    return { digest: replica.fold.digest, position: replica.fold.position, told };
  }
}

/** Some sessions, some changes to them, one that is made and deleted in turn. */
async function work({ writes, tenant }: SimulatedProcess, round: number): Promise<void> {
  for (let index = 0; index < 12; index += 1) {
    if (round === 0) await writes.create(tenant, nameOf(index), plain);
    if ((index + round) % 3 === 0) await writes.append(tenant, nameOf(index), append(`${round}`));
  }
  const renewed = nameOf(12);
  if (round % 2 === 0) await writes.create(tenant, renewed, { ...plain, ttlMs: 60_000 });
  else await writes.delete(tenant, renewed);
}

test('a process that begins with what is published finds what the log says', async () => {
  const cell = new Cell();
  const process = await cell.start();
  for (let round = 0; round < 8; round += 1) {
    await work(process, round);
    const whole = await cell.statesIn(process.replica);
    expect(await cell.seen()).toEqual(whole);
    await process.publish();
    expect(await cell.seen()).toEqual(whole);
  }
});

test('what changes while it is published is published as it was', async () => {
  const cell = new Cell();
  const process = await cell.start();
  await work(process, 0);
  const publishing = process.publisher.publish(process.replica);
  await work(process, 1);
  await cell.clock.runUntil(publishing);
  expect(await cell.seen()).toEqual(await cell.statesIn(process.replica));
});

test('only what changed is written', async () => {
  const cell = new Cell();
  const process = await cell.start();
  for (let round = 0; round < 3; round += 1) await work(process, round);
  await process.publish();
  await process.writes.append(process.tenant, nameOf(7), append('"one more"'));
  await process.publish();
  const sizes = [...cell.store.objects()]
    .filter(([key]) => key.startsWith(tablePrefix(process.replica.logName)))
    .map(([, { body }]) => body.length);
  expect(sizes).toHaveLength(2);
  expect(Math.min(...sizes)).toBeLessThan(Math.max(...sizes));
  await process.publish();
  expect([...cell.store.objects()].length).toBe(3);
});

test('a process that publishes behind another goes on from what that one published', async () => {
  const cell = new Cell();
  const one = await cell.start();
  const other = await cell.start();
  await work(one, 0);
  await cell.clock.runUntil(other.replica.readIndex());
  await one.publish();
  await work(other, 1);
  await other.publish();
  await work(one, 2);
  await one.publish();
  expect(await cell.seen()).toEqual(await cell.statesIn(other.replica));
});

test('many publications become few tables, and those that nobody names go after the grace', async () => {
  const cell = new Cell();
  const process = await cell.start();
  const { logName } = process.replica;
  const tables = (): number =>
    [...cell.store.objects().keys()].filter((key) => key.startsWith(tablePrefix(logName))).length;
  for (let round = 0; round < 30; round += 1) {
    await work(process, round);
    await process.publish();
    await cell.clock.advance(100);
  }
  const before = tables();
  await cell.clock.advance(2_000);
  await work(process, 30);
  await process.publish();
  expect(tables()).toBeLessThan(before);
  expect(tables()).toBeLessThan(14);
  expect(await cell.seen()).toEqual(await cell.statesIn(process.replica));
});

test('what changes while tables are merged is published beside it, and both stand', async () => {
  const cell = new Cell();
  const process = await cell.start();
  const { publisher, replica, objects } = process;
  for (let round = 0; round < 11; round += 1) {
    await work(process, round);
    await process.publish();
  }
  const put = objects.putIfAbsent.bind(objects);
  const [writes, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let puts = 0;
  objects.putIfAbsent = async (...given) => {
    puts += 1;
    // The first is what the publication writes, the second the merge behind it.
    if (puts === 2) {
      writes.resolve();
      await goesOn.promise;
    }
    return put(...given);
  };
  await work(process, 11);
  const merging = publisher.publish(replica);
  await cell.clock.runUntil(writes.promise);
  await work(process, 12);
  await process.publish();
  const runs = async (): Promise<number> => {
    const { signal } = new AbortController();
    const read = await process.publications.read(replica.logName, signal);
    return read?.manifest.runs.length ?? 0;
  };
  expect(replica.fold.table.dirtyCount).toBe(0);
  expect(await cell.clock.runUntil(runs())).toBe(13);
  goesOn.resolve();
  await cell.clock.runUntil(merging);
  expect(await cell.clock.runUntil(runs())).toBe(2);
  expect(await cell.seen()).toEqual(await cell.statesIn(replica));
});

test('what is due is listed by then, and no longer once it is done', async () => {
  const cell = new Cell();
  const process = await cell.start();
  const { writes, tenant, replica, publish } = process;
  await writes.create(tenant, nameOf(0), { ...plain, ttlMs: 8_000 });
  await writes.create(tenant, nameOf(1), plain);
  await publish();
  const listed = async (beforeMs: number): Promise<readonly string[]> => {
    const keys: string[] = [];
    const { signal } = new AbortController();
    const { published } = replica.fold.table;
    for await (const key of published?.due({ fromMs: 0, toMs: beforeMs }, signal) ?? [])
      keys.push(key);
    return keys;
  };
  const dueMs = cell.clock.nowMs() + 9_000;
  expect(await listed(dueMs - 1)).toEqual([]);
  expect(await listed(dueMs)).toEqual([nameOf(0)]);
  const dueOf = await replica.with(nameOf(0), ({ state }) => agendaOf(state));
  expect(dueOf).toBe(dueMs);
  await writes.delete(tenant, nameOf(0));
  await publish();
  expect(await listed(dueMs)).toEqual([]);
});

test('what another log of the same name published says nothing', async () => {
  const cell = new Cell();
  const process = await cell.start();
  await work(process, 0);
  await process.publish();
  const other = new Cell(cell.store);
  const elsewhere = await other.start();
  await elsewhere.writes.create(elsewhere.tenant, nameOf(50), plain);
  expect(await other.seen()).toEqual(await other.statesIn(elsewhere.replica));
  expect(elsewhere.replica.stopped).toBeUndefined();
});

describe('whatever call of a publication fails', () => {
  const kinds: readonly FaultKind[] = ['before', 'lost-request', 'lost-reply', 'late', 'twice'];
  test.each(kinds)('%s: nothing is lost, doubled or stale', async (kind) => {
    const runs = await withEveryFault(async (faultAt) => {
      const cell = new Cell();
      const process = await cell.start();
      await work(process, 0);
      await process.publish();
      await work(process, 1);
      const { faults, hasFaulted } = faultAtCall(faultAt, kind);
      cell.store.setFaults(faults);
      const failed = await process.publish().then(
        () => undefined,
        (cause: unknown) => cause,
      );
      cell.store.setFaults();
      if (failed !== undefined && !isProblem(failed)) expect(failed).toHaveProperty('effect');
      expect(await cell.seen()).toEqual(await cell.statesIn(process.replica));
      await work(process, 2);
      await cell.clock.advance(10_000);
      await process.publish();
      await cell.clock.advance(10_000);
      expect(await cell.seen()).toEqual(await cell.statesIn(process.replica));
      expect(cell.store.objects().has(manifestKey(process.replica.logName))).toBe(true);
      return hasFaulted() ? 'faulted' : 'clean';
    }, 40);
    expect(runs).toBeGreaterThan(5);
  });
});

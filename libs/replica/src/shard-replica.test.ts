import { noHeaders, type Shard } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, settle } from '@tidemark/ports/testing';
import { limits, type SessionName } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import {
  append,
  plain,
  type SimulatedProcess,
  SimulatedPublications,
  startInstant,
  startProcess,
} from './testing.ts';

const name = 'a' as SessionName;

type Instant = Awaited<ReturnType<typeof startInstant>>;

/** A process whose shard has six records and is read by nobody any more. */
async function startQuiet(): Promise<Instant & { readonly shard: Shard }> {
  const process = await startInstant();
  const { writes, tenant, shards, clock } = process;
  await writes.create(tenant, name, plain);
  for (let seq = 0; seq < 5; seq += 1) await writes.append(tenant, name, append(String(seq)));
  const { replica } = shards.locate(tenant, name);
  await replica.readIndex();
  await clock.advance(60_000);
  expect(replica.fold.position).toBe(6n);
  return { ...process, shard: replica.shard };
}

const foreignRecord = { key: bytesOf('x'), value: bytesOf('{}'), headers: noHeaders, timeMs: 1 };

/** Why the shard has stopped, once reads and appends hear it alike. */
async function stopOf({ writes, shards, tenant }: SimulatedProcess): Promise<string | undefined> {
  const { replica } = shards.locate(tenant, name);
  const stopped = { code: 'shard-stopped', kind: { status: 503 } };
  await expect(replica.readIndex()).rejects.toMatchObject(stopped);
  await expect(writes.append(tenant, name, append('9'))).rejects.toMatchObject(stopped);
  const found = shards.stopped.get(replica.shard);
  expect(found?.advice).toMatch(/topic|log|release/);
  return found?.reason;
}

describe('a log that is not the one that was folded stops the shard', () => {
  test('when it lost what was folded, found by a read', async () => {
    const process = await startQuiet();
    process.simulated.loseTail(process.shard, 2n);
    expect(await stopOf(process)).toBe('log-lost');
  });

  test('when it lost what was folded, found by an append', async () => {
    const process = await startQuiet();
    process.simulated.loseTail(process.shard, 2n);
    await expect(process.writes.append(process.tenant, name, append('5'))).rejects.toMatchObject({
      code: 'outcome-unknown',
    });
    expect(await stopOf(process)).toBe('log-lost');
  });

  test('when it lost just its last record, and nobody asks any more', async () => {
    const process = await startQuiet();
    const { simulated, shard, shards, tenant, clock } = process;
    simulated.loseTail(shard, 5n);
    const asked = shards.locate(tenant, name).replica.readIndex();
    const answer = asked.catch((cause: unknown) => cause);
    await clock.advance(limits.appendDeadlineMs);
    expect(await answer).toMatchObject({ code: 'unavailable' });
    expect(shards.stopped.size).toBe(0);
    await clock.advance(2 * limits.appendDeadlineMs + 100);
    expect(await stopOf(process)).toBe('log-lost');
  });

  test('when another grew beyond it', async () => {
    const process = await startQuiet();
    process.simulated.loseTail(process.shard, 0n);
    for (let offset = 0; offset < 9; offset += 1) {
      process.simulated.injectForeign(process.shard, foreignRecord);
    }
    expect(await stopOf(process)).toBe('log-replaced');
  });

  test('when another of the same length, or one shorter, lies there', async () => {
    for (const count of [6, 5]) {
      const process = await startQuiet();
      process.simulated.loseTail(process.shard, 0n);
      for (let offset = 0; offset < count; offset += 1) {
        process.simulated.injectForeign(process.shard, foreignRecord);
      }
      const asked = process.shards.locate(process.tenant, name).replica.readIndex();
      asked.catch(() => undefined);
      await settle();
      // Where its end is at the anchor, or its end is the same, the next record tells.
      process.simulated.injectForeign(process.shard, foreignRecord);
      await asked.catch(() => undefined);
      expect(await stopOf(process)).toBe('log-replaced');
    }
  });

  test('when it was trimmed beyond the anchor', async () => {
    const process = await startQuiet();
    await process.simulated.connect('operator').trim(process.shard, 6n);
    expect(await stopOf(process)).toBe('log-trimmed');
  });

  test('when it is gone', async () => {
    const process = await startQuiet();
    process.simulated.deleteTopic(process.tenant.topic);
    expect(await stopOf(process)).toBe('log-lost');
  });

  test('when it has a record of another log epoch', async () => {
    const process = await startQuiet();
    const other = await startInstant({ prng: new SeededPrng(99) });
    await other.writes.create(other.tenant, 'b' as SessionName, plain);
    const { replica } = other.shards.locate(other.tenant, 'b');
    const [record] = other.simulated.records(replica.shard);
    if (record === undefined) throw new Error('the other log has a record');
    process.simulated.injectForeign(process.shard, record);
    expect(await stopOf(process)).toBe('foreign-epoch');
  });

  test('and everybody who follows or waits hears it', async () => {
    const process = await startQuiet();
    const { replica, key } = process.shards.locate(process.tenant, name);
    let woken = 0;
    const [session] = await replica.hold([key]);
    if (session === undefined) throw new Error('what is held is there');
    replica.follow(session, () => {
      woken += 1;
    });
    const release = replica.retain();
    await settle();
    const waiting = replica.catchUp(100n);
    waiting.catch(() => undefined);
    process.simulated.loseTail(process.shard, 2n);
    expect(await stopOf(process)).toBe('log-lost');
    await expect(waiting).rejects.toMatchObject({ code: 'shard-stopped' });
    expect(woken).toBeGreaterThan(0);
    release();
  });
});

test('trimming below the anchor stops nobody who has folded it', async () => {
  const process = await startQuiet();
  const { simulated, shard, shards, tenant, writes } = process;
  await simulated.connect('operator').trim(shard, 5n);
  await shards.locate(tenant, name).replica.readIndex();
  expect(await writes.append(tenant, name, append('5'))).toMatchObject({ firstSeq: 5 });
});

test('an end that only a deposed leader tells stops nothing', async () => {
  const process = await startQuiet();
  const { clock, shards, tenant, simulated } = process;
  const log = simulated.connect('reader');
  const reader = await startProcess({ log, clock, prng: new SeededPrng(5) });
  const { replica } = reader.shards.locate(reader.tenant, name);
  await replica.readIndex();
  const bounds = log.bounds.bind(log);
  log.bounds = async (asked, signal) => {
    const told = await bounds(asked, signal);
    return new Map([...told].map(([shard]) => [shard, { start: 0n, end: 3n }]));
  };
  await replica.readIndex();
  expect(replica.stopped).toBeUndefined();
  expect(shards.locate(tenant, name).replica.stopped).toBeUndefined();
});

test('a process that is behind an end that it knows tells neither what was deleted nor a part', async () => {
  const process = await startQuiet();
  const { clock, shard, simulated, tenant, writes } = process;
  const gone = 'gone' as SessionName;
  await writes.create(tenant, gone, plain);
  const log = simulated.connect('reader');
  const reader = await startProcess({ log, clock, prng: new SeededPrng(5) });
  const { replica } = reader.shards.locate(reader.tenant, name);
  await replica.readIndex();
  // Until nobody reads any more.
  await clock.advance(60_000);
  await writes.delete(tenant, gone);
  await writes.append(tenant, name, append('5'));
  const read = log.read.bind(log);
  const reading = Promise.withResolvers<void>();
  log.read = async function* (asked, options) {
    await reading.promise;
    yield* read(asked, options);
  };
  const asked = [replica.readIndexIfAsked(), replica.readIndex()].map((answer) =>
    answer.then(
      () => 'answered',
      (cause: unknown) => cause,
    ),
  );
  await clock.advance(limits.appendDeadlineMs);
  for (const answer of asked) {
    expect(await answer).toMatchObject({ code: 'unavailable', kind: { status: 503 } });
  }
  reading.resolve();
  expect(await replica.readIndexIfAsked()).toBe(true);
  expect(replica.fold.position).toBe(simulated.bounds(shard).end);
  await replica.with(gone, ({ state }) => expect(state.life).toBe('absent'));
});

describe('a publication of another fold of the log', () => {
  async function startTwo() {
    const process = await startQuiet();
    const { clock, simulated, writes, tenant } = process;
    const log = simulated.connect('other');
    const prng = new SeededPrng(5);
    const publications = new SimulatedPublications({ clock, prng });
    const other = await startProcess({ log, clock, prng });
    const { replica } = other.shards.locate(other.tenant, name);
    const publisher = process.shards.locate(tenant, name).replica;
    const write = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) await writes.append(tenant, name, append('1'));
      await Promise.all([publisher.readIndex(), replica.readIndex()]);
    };
    return { publications, publisher, replica, other, write };
  }

  test('stops the replica that meets it', async () => {
    const { publications, publisher, replica, other, write } = await startTwo();
    await write(10);
    // One verdict that is another here.
    replica.fold.digest ^= 1;
    await write(600);
    const published = await publications.publish(publisher);
    await expect(replica.moveTo(published as NonNullable<typeof published>)).rejects.toMatchObject({
      code: 'shard-stopped',
    });
    expect(other.shards.stopped.get(replica.shard)?.reason).toBe('diverged');
    expect(replica.fold.table.published).toBeUndefined();
  });

  test('is one only where the digests differ', async () => {
    const { publications, publisher, replica, write } = await startTwo();
    await write(610);
    const published = await publications.publish(publisher);
    await replica.moveTo(published as NonNullable<typeof published>);
    expect(replica.fold.table.published).toBe(published);
  });
});

test('a stopped shard is one of many', async () => {
  const process = await startInstant({ partitions: 8 });
  const { writes, tenant, shards, simulated, clock } = process;
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as SessionName[];
  for (const each of names) await writes.create(tenant, each, plain);
  await clock.advance(60_000);
  const { replica } = shards.locate(tenant, name);
  simulated.loseTail(replica.shard, 0n);
  await expect(replica.readIndex()).rejects.toMatchObject({ code: 'shard-stopped' });
  const elsewhere = names.filter((each) => shards.locate(tenant, each).replica !== replica);
  expect(elsewhere.length).toBeGreaterThan(0);
  for (const each of elsewhere) {
    expect(await writes.append(tenant, each, append('1'))).toMatchObject({ firstSeq: 0 });
  }
});

test('a wait for what comes ends with the process, also one that begins behind it', async () => {
  const { shards, tenant } = await startQuiet();
  const { replica } = shards.locate(tenant, name);
  const early = replica.catchUp(100n);
  replica.close();
  await expect(early).rejects.toMatchObject({ code: 'unavailable' });
  await expect(replica.catchUp(100n)).rejects.toMatchObject({ code: 'unavailable' });
});

test('a replica that is being asked for does not close for having been idle', async () => {
  const clock = new SimulatedClock();
  const publications = new SimulatedPublications({ clock, prng: new SeededPrng(2) });
  await using process = await startInstant({ clock, publications });
  const { tenant, writes, shards } = process;
  const { replica, key } = shards.locate(tenant, name);
  await writes.create(tenant, name, plain);
  const published = await publications.publish(replica);
  if (published !== undefined) await replica.moveTo(published);
  await writes.append(tenant, name, append('1'));
  await clock.advance(60_000);
  const current = replica.readIndex();
  replica.closeIfIdle(clock.monotonicMs() - 1_000);
  await current;
  expect(await replica.with(key, ({ state }) => state.stream?.tailSeq)).toBe(1);
});

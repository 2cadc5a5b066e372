import { type AppendOutcome, type EventLog, silentLogger, silentMetrics } from '@tidemark/ports';
import {
  type FaultKind,
  SeededPrng,
  SimulatedClock,
  SimulatedEventLog,
  settle,
} from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { describe, expect, test, vi } from 'vitest';
import { Shards } from './shards.ts';
import { TenantRegistry } from './tenant-registry.ts';
import { controlShard } from './tenants.ts';
import { append, plain, type SimulatedProcess, startInstant, startProcess } from './testing.ts';
import { Writers } from './writers.ts';

const name = 'a' as SessionName;
const { fork: _, ...plainCommand } = plain;

const problemOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );

function tailOf({ shards, tenant }: SimulatedProcess): number | undefined {
  const { replica, key } = shards.locate(tenant, name);
  return replica.fold.table.resident(key)?.state.stream?.tailSeq;
}

describe('an append to a quiet shard', () => {
  test('is one produce request, and its answer waits on no fetch', async () => {
    const clock = new SimulatedClock();
    const prng = new SeededPrng(7);
    // Whatever is read takes five seconds to come.
    const delays = { readMs: [5_000, 5_001] } as const;
    const simulated = new SimulatedEventLog({ clock, prng, delays });
    const log = simulated.connect('one');
    const process = await clock.runUntil(startProcess({ log, clock, prng }));
    const { writes, tenant } = process;
    await clock.runUntil(writes.create(tenant, name, plain));
    for (let seq = 0; seq < 20; seq += 1) {
      const before = { ...log.counts };
      const startMs = clock.monotonicMs();
      const reply = await clock.runUntil(writes.append(tenant, name, append(String(seq))));
      expect(reply.firstSeq).toBe(seq);
      expect(log.counts.produce - before.produce).toBe(1);
      expect(log.counts.bounds - before.bounds).toBe(0);
      expect(clock.monotonicMs() - startMs).toBeLessThan(20);
    }
    await clock.advance(200_000);
    const quiet = { ...log.counts };
    await clock.runUntil(writes.append(tenant, name, append('20')));
    expect(log.counts).toEqual({ ...quiet, produce: quiet.produce + 1 });
  });

  test('is read back first where the connection is another', async () => {
    const process = await startInstant();
    const { writes, tenant, simulated, clock } = process;
    const log = simulated.connect('two');
    const two = await startProcess({ log, clock, prng: new SeededPrng(2) });
    await two.writes.create(two.tenant, name, plain);
    await two.writes.append(two.tenant, name, append('1'));
    await clock.advance(10_000);
    const before = log.counts.fetch;
    log.reconnect();
    await two.writes.append(two.tenant, name, append('2'));
    expect(log.counts.fetch).toBeGreaterThan(before);
    expect(await writes.append(tenant, name, append('3'))).toMatchObject({ firstSeq: 2 });
  });
});

describe('an outcome that is unknown', () => {
  const kinds: FaultKind[] = ['lost-request', 'lost-reply', 'late', 'twice', 'before'];

  test.each(kinds)('is resolved by the same bytes, after %s', async (kind) => {
    const process = await startInstant();
    const { writes, tenant, simulated, clock } = process;
    await writes.create(tenant, name, plain);
    const faults = [kind];
    simulated.setFaults((call) => (call === 'append' ? faults.shift() : undefined));
    const reply = await clock.runUntil(writes.append(tenant, name, append('1', '2')));
    expect(reply).toMatchObject({ firstSeq: 0, endSeq: 2 });
    await clock.advance(120_000);
    expect(await writes.append(tenant, name, append('3'))).toMatchObject({ firstSeq: 2 });
    const { replica } = process.shards.locate(tenant, name);
    await replica.readIndex();
    const stored = simulated.records(replica.shard);
    const ids = stored
      .map(({ value }) => String(Buffer.from(value)))
      .filter((text) => text.length === 1);
    expect(new Set(ids)).toEqual(new Set(['1', '2', '3']));
    expect(tailOf(process)).toBe(3);
  });

  test('is told to the caller at the deadline, and resolved behind its back', async () => {
    const process = await startInstant({ writer: { deadlineMs: 1_000 } });
    const { writes, tenant, simulated, clock } = process;
    await writes.create(tenant, name, plain);
    simulated.setFaults((call) => (call === 'append' ? 'lost-request' : undefined));
    const first = problemOf(writes.append(tenant, name, append('1')));
    await settle();
    const second = problemOf(writes.append(tenant, name, append('2')));
    expect(await clock.runUntil(first)).toMatchObject({
      code: 'outcome-unknown',
      kind: { status: 504, effect: 'unknown' },
    });
    expect(await clock.runUntil(second)).toMatchObject({
      code: 'unavailable',
      kind: { status: 503, effect: 'none' },
    });
    expect(tailOf(process)).toBe(0);
    simulated.setFaults();
    await clock.advance(10_000);
    expect(tailOf(process)).toBe(1);
    expect(await clock.runUntil(writes.append(tenant, name, append('3')))).toMatchObject({
      firstSeq: 1,
    });
  });
});

/** The log, with every append answered so. */
const answering = (log: EventLog, outcome: AppendOutcome): EventLog =>
  new Proxy(log, {
    get(target, property) {
      if (property === 'append') {
        return (batches: Parameters<EventLog['append']>[0]) =>
          new Map(
            Array.from(batches, ([shard, source]) => [
              shard,
              Promise.resolve(source().length === 0 ? undefined : outcome),
            ]),
          );
      }
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

describe('a bound', () => {
  test('on what waits is answered at once, and leaves the rest alone', async () => {
    const process = await startInstant({ writer: { queueCountMax: 3, queueBytesMax: 2_000 } });
    const { writes, tenant, simulated } = process;
    await writes.create(tenant, name, plain);
    const release = simulated.holdCommits();
    const flying = writes.append(tenant, name, append('0'));
    await settle();
    const waiting = ['1', '2', '3'].map((event) => writes.append(tenant, name, append(event)));
    await expect(writes.append(tenant, name, append('4'))).rejects.toMatchObject({
      code: 'overloaded',
      kind: { status: 503, effect: 'none' },
    });
    release();
    const replies = await Promise.all([flying, ...waiting]);
    expect(replies.map(({ firstSeq }) => firstSeq)).toEqual([0, 1, 2, 3]);
    await expect(
      writes.append(tenant, name, append(JSON.stringify('x'.repeat(3_000)))),
    ).rejects.toMatchObject({ code: 'overloaded' });
    expect(await writes.append(tenant, name, append('5'))).toMatchObject({ firstSeq: 4 });
  });

  test('of a batch counts keys and headers, and holds up nobody beside', async () => {
    const { writes, tenant } = await startInstant({ writer: { queueBytesMax: 1e9 } });
    const long = 'n'.repeat(1_000) as SessionName;
    await Promise.all([writes.create(tenant, name, plain), writes.create(tenant, long, plain)]);
    // 1.4 MiB each in the log, of 2 KiB of events.
    const many = Array.from({ length: 40 }, (_, index) => ({
      ...append(...Array.from({ length: 1_000 }, () => '1')),
      eventIds: Array.from({ length: 1_000 }, (__, id) => `${index}.${id}.`.padEnd(200, 'i')),
    }));
    const one = many.flatMap((command) => [
      writes.append(tenant, long, command),
      writes.append(tenant, name, append('1')),
    ]);
    expect((await Promise.all(one)).filter(({ isDuplicate }) => isDuplicate)).toEqual([]);
  });

  test('of a batch is 413 for the one append that is larger by itself', async () => {
    const { writes, tenant } = await startInstant();
    const long = 'n'.repeat(1_024) as SessionName;
    await writes.create(tenant, long, plain);
    const event = JSON.stringify('x'.repeat(10_000));
    const large = append(...Array.from({ length: 1_000 }, () => event));
    await expect(writes.append(tenant, long, large)).rejects.toMatchObject({
      code: 'too-large',
      facts: { limit: 'batchBytesMax' },
      kind: { effect: 'none' },
    });
    expect(await writes.append(tenant, long, append('1'))).toMatchObject({ firstSeq: 0 });
  });

  test('of the disk is 507, and nothing is written', async () => {
    const process = await startInstant();
    const { simulated, clock, tenant } = process;
    await process.writes.create(tenant, name, plain);
    const full = { kind: 'not-committed', reason: 'full', retryable: false } as const;
    const log = answering(simulated.connect('two'), full);
    const two = startProcess({ log, clock, prng: new SeededPrng(2) });
    // A process that founds nothing starts on a full disk as well: all is there already.
    const { writes } = await two;
    await expect(writes.append(tenant, name, append('1'))).rejects.toMatchObject({
      code: 'storage-full',
      kind: { status: 507, effect: 'none' },
    });
    expect(await process.writes.append(tenant, name, append('1'))).toMatchObject({ firstSeq: 0 });
  });

  test('of time, while the log takes nothing, is 503 with no effect', async () => {
    const process = await startInstant();
    const { simulated, clock, tenant } = process;
    await process.writes.create(tenant, name, plain);
    const refused = { kind: 'not-committed', reason: 'simulated', retryable: true } as const;
    const log = answering(simulated.connect('two'), refused);
    const two = await startProcess({ log, clock, prng: new SeededPrng(2) });
    const startMs = clock.monotonicMs();
    const problem = await clock.runUntil(problemOf(two.writes.append(tenant, name, append('1'))));
    expect(problem).toMatchObject({ code: 'unavailable', kind: { effect: 'none' } });
    expect(clock.monotonicMs() - startMs).toBe(10_000);
    two.writers.close();
  });
});

describe('a log without an epoch', () => {
  /** Processes of a cell that nobody has started before, as far as they are before they found it. */
  async function starting(names: readonly string[]) {
    const clock = new SimulatedClock();
    const prng = new SeededPrng(1);
    const simulated = new SimulatedEventLog({ clock, prng, instant: true });
    const processes = names.map((process) => {
      const log = simulated.connect(process);
      const own = prng.fork(process);
      const parts = { log, clock, prng: own, logger: silentLogger, metrics: silentMetrics };
      const shards = new Shards(parts, { memoryBytesMax: 1_024 * 1_024 });
      const writers = new Writers(parts);
      return { shards, writers, registry: new TenantRegistry(shards, writers) };
    });
    await Promise.all(processes.map(({ shards }) => shards.start()));
    return { simulated, clock, processes };
  }

  const createKeys = ({ shards, writers }: { shards: Shards; writers: Writers }) =>
    problemOf(writers.of(shards.control).submit('$keys', { kind: 'create', ...plainCommand }));

  test('takes its genesis and nothing before it', async () => {
    const { simulated, processes } = await starting(['one']);
    const [one] = processes;
    if (one === undefined) throw new Error('no process');
    expect(await createKeys(one)).toMatchObject({ code: 'unavailable', kind: { effect: 'none' } });
    expect(simulated.records(controlShard)).toEqual([]);
    await one.registry.found();
    expect(await createKeys(one)).toBeUndefined();
  });

  test('is founded once by all who start at once, whatever they are asked meanwhile', async () => {
    const { simulated, clock, processes } = await starting(['one', 'two']);
    await Promise.all(
      processes.flatMap((process) => [
        createKeys(process),
        process.registry.found(),
        createKeys(process),
      ]),
    );
    await clock.advance(5_000);
    const log = simulated.connect('three');
    await using third = await startProcess({ log, clock, prng: new SeededPrng(3) });
    for (const { shards } of [...processes, third]) {
      await shards.control.readIndex();
      expect(shards.control.stopped).toBeUndefined();
    }
  });
});

test('a refusal is given after the end of the log was asked', async () => {
  const one = await startInstant();
  const { simulated, clock, tenant } = one;
  const log = simulated.connect('two');
  const two = await startProcess({ log, clock, prng: new SeededPrng(2) });
  await expect(two.writes.append(tenant, name, append('1'))).rejects.toMatchObject({
    code: 'session-not-found',
  });
  await one.writes.create(tenant, name, plain);
  // Two has not folded the create; its answer would be 404 on what it has.
  expect(await two.writes.append(tenant, name, append('1'))).toMatchObject({ firstSeq: 0 });
  simulated.setFaults((call) => (call === 'bounds' ? 'before' : undefined));
  await expect(two.writes.append(tenant, 'b' as SessionName, append('1'))).rejects.toMatchObject({
    code: 'unavailable',
  });
});

test('what the fold will never take is written once, and those beside it are answered', async () => {
  const { writes, tenant, shards, simulated } = await startInstant();
  await writes.create(tenant, name, plain);
  const { replica } = shards.locate(tenant, name);
  const before = simulated.records(replica.shard).length;
  const decide = () => ({ kind: 'fact', fact: { type: 'nonsense' }, answer: 0 }) as const;
  const [broken, append1, append2] = await Promise.all([
    problemOf(writes.submit(tenant, '$sub/broken', { kind: 'fact', decide })),
    writes.append(tenant, name, append('1')),
    writes.append(tenant, name, append('2')),
  ]);
  expect(broken).toMatchObject({ code: 'internal' });
  expect([append1.firstSeq, append2.firstSeq]).toEqual([0, 1]);
  expect(simulated.records(replica.shard).length - before).toBe(3);
});

test('an answer that waits for the end of the log is given up at its deadline', async () => {
  const { shards, writers, writes, tenant, clock } = await startInstant();
  await writes.create(tenant, name, plain);
  const { replica } = shards.locate(tenant, name);
  const never = Promise.withResolvers<void>();
  vi.spyOn(replica, 'readIndex').mockReturnValue(never.promise);
  const startMs = clock.monotonicMs();
  const missing = problemOf(writes.append(tenant, 'absent' as SessionName, append('1')));
  expect(await clock.runUntil(missing)).toMatchObject({
    code: 'unavailable',
    kind: { effect: 'none' },
  });
  expect(clock.monotonicMs() - startMs).toBe(10_000);
  const closing = problemOf(writes.append(tenant, 'absent' as SessionName, append('1')));
  await settle();
  writers.close();
  expect(await closing).toMatchObject({ code: 'unavailable' });
});

test('closing answers everybody who waits', async () => {
  const process = await startInstant();
  const { writes, writers, tenant, simulated } = process;
  await writes.create(tenant, name, plain);
  simulated.holdCommits();
  const flying = problemOf(writes.append(tenant, name, append('1')));
  await settle();
  const waiting = problemOf(writes.append(tenant, name, append('2')));
  writers.close();
  expect(await flying).toMatchObject({ code: 'outcome-unknown' });
  expect(await waiting).toMatchObject({ code: 'unavailable' });
  await expect(writes.append(tenant, name, append('3'))).rejects.toMatchObject({
    code: 'unavailable',
  });
});

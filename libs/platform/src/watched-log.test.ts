import type { AppendOutcome, EventLog, LogFields, ReadChunk } from '@tidemark/ports';
import { Fault, type Logger, shardOf, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { Alarms } from './alarms.ts';
import { WatchedLog } from './watched-log.ts';

const shard = shardOf('tidemark.default', 0);

let clock: SimulatedClock;
let alarms: Alarms;
let lines: string[];

beforeEach(() => {
  clock = new SimulatedClock();
  lines = [];
  const note = (fields: LogFields, message: string): void =>
    void lines.push(`${message} ${String((fields['err'] as Error | undefined)?.message)}`);
  const logger: Logger = { ...silentLogger, error: note };
  alarms = new Alarms({ clock, logger, metrics: silentMetrics });
});

/** A log that does one thing; everything else is as simulated. */
function watched(part: Partial<EventLog>): WatchedLog {
  const simulated = new SimulatedEventLog({ clock, prng: new SeededPrng(1), instant: true });
  const log = Object.assign(simulated.connect('one'), part);
  return new WatchedLog(log, alarms);
}

async function* damaged(): AsyncIterable<ReadChunk> {
  yield { records: [], nextOffset: 1n };
  throw new Fault('corrupt', 'no match. file=/data/log/3 position=77', { effect: 'none' });
}

async function readAll(log: EventLog): Promise<unknown> {
  try {
    const { signal } = new AbortController();
    for await (const _chunk of log.read(shard, { from: 0n, signal }));
    return undefined;
  } catch (cause) {
    return cause;
  }
}

test('bytes that fail their checksum ring by the name of their shard, once, for a while', async () => {
  const log = watched({ read: damaged });
  expect(await readAll(log)).toMatchObject({ reason: 'corrupt' });
  await readAll(log);
  const failures = alarms.failures();
  expect(Object.keys(failures)).toEqual(['corrupt tidemark.default/0']);
  expect(JSON.stringify(failures)).not.toMatch(/\/data|77/);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('file=/data/log/3 position=77');
  await clock.advance(10 * 60_000);
  expect(alarms.failures()).toEqual({});
});

describe('a disk without room', () => {
  const full: AppendOutcome = { kind: 'not-committed', reason: 'full', retryable: false };
  const done: AppendOutcome = { kind: 'committed', baseOffset: 0n, tenure: 't' };
  const append = async (log: EventLog): Promise<void> => {
    await Promise.all(log.append(new Map([[shard, () => []]])).values());
    await Promise.resolve();
  };
  const answering = (outcome: () => AppendOutcome): WatchedLog =>
    watched({ append: () => new Map([[shard, Promise.resolve(outcome())]]) });

  test('rings until an append stands again', async () => {
    let outcome: AppendOutcome = full;
    const log = answering(() => outcome);
    await append(log);
    expect(Object.keys(alarms.failures())).toEqual(['storage full']);
    outcome = done;
    await append(log);
    expect(alarms.failures()).toEqual({});
  });

  test('rings no longer than a minute where nobody appends', async () => {
    await append(answering(() => full));
    await clock.advance(60_000);
    expect(alarms.failures()).toEqual({});
  });
});

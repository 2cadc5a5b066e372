// What the pages make of a session besides its transcript: what it writes, its threads, how it stood, how it is
// played, and what the process says of itself.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Activity } from './activity.js';
import { AsOf } from './as-of.js';
import { FleetBoard } from './fleet-board.js';
import { stepMs } from './player.js';
import { figuresIn, quantileBetween } from './process-figures.js';
import { stateOf } from './session-states.js';
import { ThreadLanes } from './thread-lanes.js';

const atMs = 1_800_000_000_000;

describe('Activity', () => {
  const row = (events: number): { id: string; event_count: number } => ({
    id: 'a',
    event_count: events,
  });

  test('counts what is written while one looks, and forgets it after two minutes', () => {
    const activity = new Activity();
    activity.take(row(100), atMs);
    expect(activity.countsOf('a', atMs)).toEqual([]);
    activity.take(row(103), atMs);
    activity.take(row(110), atMs + 10_000);
    expect(activity.countsOf('a', atMs + 10_000).slice(-3)).toEqual([3, 0, 7]);
    expect(activity.countsOf('a', atMs + 119_000).reduce((sum, each) => sum + each, 0)).toBe(10);
    expect(activity.countsOf('a', atMs + 140_000).every((each) => each === 0)).toBe(true);
  });

  test('keeps no more sessions than a screen could show, and none that is gone', () => {
    const activity = new Activity();
    for (let n = 0; n < 2_500; n += 1) {
      for (const events of [0, 1]) activity.take({ id: `s${n}`, event_count: events }, atMs);
    }
    expect(activity.countsOf('s0', atMs)).toEqual([]);
    expect(activity.countsOf('s2499', atMs).at(-1)).toBe(1);
    activity.take({ id: 's2499', deleted: true }, atMs);
    expect(activity.countsOf('s2499', atMs)).toEqual([]);
  });
});

test('a session that runs and has written nothing for long is stuck, on its board too', () => {
  const row = { id: 'a', status: 'running', updated_at: new Date(atMs).toISOString() };
  expect(stateOf(row, atMs + 10 * 60_000)).toBe('running');
  expect(stateOf(row, atMs + 10 * 60_000 + 1)).toBe('stuck');
  expect(stateOf({ ...row, status: 'idle' }, atMs + 99 * 60_000)).toBe('idle');
  const board = new FleetBoard();
  board.take([row]);
  expect(board.lists(atMs).running[0]?.state).toBe('running');
  expect(board.lists(atMs + 11 * 60_000).running[0]?.state).toBe('stuck');
});

test('a thread has a lane from its making to what was heard of it last, with its calls', () => {
  const threads = new ThreadLanes();
  const thread = { session_thread_id: 't1' };
  threads.take(9, { ...thread, type: 'session.thread_status_idle' });
  threads.take(5, { ...thread, type: 'agent.tool_use' });
  threads.take(5, { ...thread, type: 'agent.tool_use' });
  threads.take(3, { ...thread, type: 'session.thread_created', agent_name: 'explorer' });
  threads.take(4, { type: 'agent.tool_use' });
  threads.take(1, { session_thread_id: 't0', type: 'session.thread_created', agent_name: 'first' });
  expect(threads.lanes).toEqual([
    { id: 't0', name: 'first', firstSeq: 1, lastSeq: 1, isOver: false, calls: [] },
    { id: 't1', name: 'explorer', firstSeq: 3, lastSeq: 9, isOver: true, calls: [5] },
  ]);
  for (let n = 0; n < 20; n += 1) threads.take(n, { session_thread_id: `more${n}` });
  expect(threads.lanes).toHaveLength(8);
});

describe('AsOf', () => {
  const request = (input: number): Record<string, unknown> => ({
    type: 'span.model_request_end',
    model_usage: { input_tokens: input, output_tokens: 1 },
  });

  test('tells how it stood at any event, as the server counts', () => {
    const asOf = new AsOf();
    asOf.take(2, { type: 'session.status_running' });
    asOf.take(3, { type: 'session.status_running' });
    asOf.take(4, request(10));
    asOf.take(6, { type: 'session.status_idle', stop_reason: { type: 'requires_action' } });
    asOf.take(6, { type: 'session.status_idle' });
    asOf.take(7, { type: 'session.usage', usage: { input_tokens: 50, list_cost: '12' } });
    asOf.take(8, { type: 'session.usage', usage: { list_cost: { amount: '13' } } });
    asOf.take(9, { type: 'session.status_running' });
    expect(asOf.at(1)).toMatchObject({ status: 'idle', turns: 0, input: 0 });
    expect(asOf.at(5)).toMatchObject({ status: 'running', turns: 1, input: 10, output: 1 });
    expect(asOf.at(6)).toMatchObject({ status: 'waiting', turns: 1 });
    expect(asOf.at(7)).toMatchObject({ status: 'waiting', input: 50, output: 1, cents: 12 });
    expect(asOf.at(99)).toMatchObject({ status: 'running', turns: 2, cents: 13 });
  });

  test('is drawn by so many points at most, of which the last is the last', () => {
    const asOf = new AsOf();
    for (let seq = 0; seq < 1_000; seq += 1) asOf.take(seq, request(1));
    expect(asOf.some(200)).toHaveLength(200);
    expect(asOf.some(200).at(-1)?.seq).toBe(999);
    expect(asOf.some(2_000)).toHaveLength(1_000);
    expect(new AsOf().some(200)).toEqual([]);
  });

  test('is the sum of what stands up to a place, wherever that is', () => {
    const inputs = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 9 }), input: fc.nat(99) }));
    fc.assert(
      fc.property(inputs, fc.nat(200), (list, place) => {
        const asOf = new AsOf();
        let seq = 0;
        let sum = 0;
        for (const { gap, input } of list) {
          seq += gap;
          asOf.take(seq, request(input));
          if (seq <= place) sum += input;
        }
        expect(asOf.at(place).input).toBe(sum);
      }),
    );
  });
});

test('a row stands as long as it did, so many times faster, and never for long', () => {
  expect(stepMs(0, 1_000, 1)).toBe(1_000);
  expect(stepMs(0, 1_000, 4)).toBe(250);
  expect(stepMs(0, 3_600_000, 4)).toBe(2_000);
  expect(stepMs(0, 1, 64)).toBe(40);
  expect(stepMs(10, 0, 1)).toBe(40);
  expect(stepMs(undefined, 5, 1)).toBe(40);
});

test('figures are read from what Prometheus reads, labels and all', () => {
  const text = `# HELP tidemark_read_followers who waits
tidemark_read_followers 3
tidemark_replica_stopped_shards{topic="a"} 1
tidemark_replica_stopped_shards{topic="b"} 2
tidemark_read_followers_else 9
`;
  expect(figuresIn(text)).toMatchObject({
    followers: 3,
    stoppedShards: 3,
    publishSeconds: undefined,
  });
});

test('how long appends take is told of what came between two readings', () => {
  const reading = (...counts: readonly number[]) =>
    figuresIn(
      ['0.001', '0.002', '0.01', '+Inf']
        .map(
          (upTo, index) => `tidemark_writer_commit_seconds_bucket{le="${upTo}"} ${counts[index]}`,
        )
        .join('\n'),
    ).commits;
  const before = reading(1_000, 1_000, 1_000, 1_000);
  const now = reading(1_050, 1_090, 1_099, 1_100);
  expect(quantileBetween(before, now, 0.5)).toBeCloseTo(0.001);
  expect(quantileBetween(before, now, 0.7)).toBeCloseTo(0.0015);
  expect(quantileBetween(before, now, 0.999)).toBeCloseTo(0.01);
  expect(quantileBetween(now, now, 0.5)).toBeUndefined();
  expect(quantileBetween([], reading(4, 4, 4, 4), 0.5)).toBeCloseTo(0.0005);
  expect(quantileBetween([], [], 0.5)).toBeUndefined();
});

import { limits } from '@tidemark/protocol';
import { bytesOf, present } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Command } from './commands.ts';
import { noteOf } from './event-notes.ts';
import { evolve } from './evolve.ts';
import { recordsIn, type SessionRecord } from './record.ts';
import { absentSession, speculate } from './state.ts';
import { createPlain, FoldedAlone } from './testing.ts';

const append = (...events: string[]): Command => ({
  kind: 'append',
  contentType: 'application/json',
  events: events.map(bytesOf),
  close: false,
});

function recordsOf(session: FoldedAlone, command: Command): readonly SessionRecord[] {
  const decision = session.decide(command);
  if (decision.kind !== 'write') throw new Error('nothing to write');
  return [...recordsIn(decision.records)];
}

describe('a record belongs to its session', () => {
  test('if its rev is next and its prev is the id of the last valid record', () => {
    const session = new FoldedAlone();
    session.run(createPlain);
    const [record] = recordsOf(session, append('1'));
    if (record === undefined) throw new Error('no record');
    expect(evolve(session.state, { ...record, rev: record.rev + 1 })).toBe(false);
    expect(evolve(session.state, { ...record, prev: 'another' })).toBe(false);
    expect(evolve(session.state, record)).toBe(true);
    expect(evolve(session.state, record)).toBe(false);
  });

  test('so of two batches decided on one state the second is void as a whole', () => {
    const session = new FoldedAlone();
    session.run(createPlain);
    const one = recordsOf(session, append('1'));
    const other = recordsOf(session, append('2', '3', '4'));
    expect(one.map((record) => evolve(session.state, record))).toEqual([true]);
    expect(other.map((record) => evolve(session.state, record))).toEqual([false, false, false]);
    expect(session.state.stream?.tailSeq).toBe(1);
  });

  test('and never again after a delete: rev and last id outlive it', () => {
    const session = new FoldedAlone();
    session.run(createPlain);
    const late = recordsOf(session, append('late'));
    session.run({ kind: 'delete' });
    session.run(createPlain);
    expect(late.map((record) => evolve(session.state, record))).toEqual([false]);
    expect(session.state.stream?.tailSeq).toBe(0);
  });
});

describe('forks of one name', () => {
  const origin = {
    source: 's',
    incarnation: 'i',
    position: 0,
    seq: 0,
    isExplicit: false,
    depth: 1,
  };

  const fork = (incarnation: string): Command => ({
    ...createPlain,
    fork: {
      origin,
      lineage: [],
      incarnation,
      contentType: 'application/json',
      ttlMs: undefined,
      expiresAtMs: undefined,
    },
  });

  test('wait once so many of them owe their source a reference', () => {
    const session = new FoldedAlone();
    for (let index = 0; index < limits.forkDebtsMax; index += 1) {
      session.run(fork(`f${index}`));
      session.run({ kind: 'delete' });
    }
    const foreign = recordsOf(new FoldedAlone(), fork('other')).map((record) => ({
      ...record,
      rev: session.state.rev,
      prev: session.state.lastId,
    }));
    expect(session.decide(fork('late'))).toMatchObject({ problem: { code: 'unavailable' } });
    expect(foreign.map((record) => evolve(session.state, record))).toEqual([false]);
    session.run({ kind: 'settle', owed: present(session.state.owed[0], 'debt') });
    expect(session.decide(fork('late')).kind).toBe('write');
  });

  test('are told at the source when it has as many as it may have', () => {
    const session = new FoldedAlone();
    session.run(createPlain);
    const { stream } = session.state;
    const announce = (name: string): Command => ({
      kind: 'ref',
      fork: name,
      forkIncarnation: name,
      incarnation: stream?.incarnation ?? '',
    });
    session.run(announce('a'));
    const [record] = recordsOf(session, announce('b'));
    for (let index = 1; index < limits.forksMax; index += 1) {
      stream?.refs.set(String(index), { fork: 'f', timeMs: 1 });
    }
    expect(session.decide(announce('b'))).toMatchObject({
      problem: { code: 'too-large', facts: { limit: 'forksMax' } },
    });
    expect(evolve(session.state, present(record, 'record'))).toBe(false);
  });
});

test('each creation is another incarnation, with other cursors', () => {
  const session = new FoldedAlone();
  session.run(createPlain);
  const tag = session.state.stream?.tag;
  session.run({ kind: 'delete' });
  session.run(createPlain);
  expect(session.state.stream?.tag).not.toBe(tag);
});

test('the session’s time never goes back, whatever the writers’ clocks say', () => {
  const session = new FoldedAlone();
  session.nowMs = 5_000;
  session.run(createPlain);
  session.nowMs = 1_000;
  expect(recordsOf(session, append('1'))[0]?.timeMs).toBe(5_000);
});

test('speculation leaves the state that it began at as it was', () => {
  const session = new FoldedAlone();
  session.run(createPlain);
  const before = JSON.stringify(session.state);
  const copy = new FoldedAlone(speculate(session.state));
  copy.run({
    kind: 'append',
    contentType: 'application/json',
    events: [bytesOf('1')],
    close: true,
    producer: { id: 'p', epoch: 0, seq: 0 },
    key: 'k',
    eventIds: ['e'],
    streamSeq: '1',
  });
  expect(JSON.stringify(session.state)).toBe(before);
  expect(session.state.stream?.producers.get('p')).toBeUndefined();
  expect(copy.state.stream?.producers.get('p')).toMatchObject({ epoch: 0, seq: 0 });
});

/** Of events that the fold learns from, each with an id of its own. */
function told(name: string): Command {
  const events = [
    { type: 'session.status_running' },
    { type: 'span.model_request_end', model_usage: { input_tokens: 5, output_tokens: 7 } },
    { type: 'agent.message' },
    { type: 'session.error', error: { type: 'overloaded' } },
    { type: 'session.status_idle', stop_reason: { type: 'end_turn' } },
  ];
  return {
    kind: 'append',
    contentType: 'application/json',
    events: events.map((event) => bytesOf(JSON.stringify(event))),
    types: events.map(({ type }) => type),
    notes: events.map((event) => noteOf(event.type, event)),
    eventIds: events.map((_, index) => (index === 2 ? undefined : `${name}-${index}`)),
    close: false,
    key: name,
    streamSeq: name,
    creates: true,
  };
}

describe('late copies', () => {
  const command = fc.constantFrom<Command>(
    createPlain,
    append('1'),
    append('2', '3'),
    told('a'),
    told('b'),
    { kind: 'delete' },
    { kind: 'touch' },
    { ...(append('4') as Extract<Command, { kind: 'append' }>), close: true },
  );

  test('of any batch, landing anywhere behind the first, change nothing', () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        (commands, choose) => {
          const session = new FoldedAlone();
          const batches: (readonly SessionRecord[])[] = [];
          const replayed = absentSession('tenant', 'session');
          for (const next of commands) {
            const decision = session.run(next);
            if (decision.kind !== 'write') continue;
            // As others read them from the log: one by one.
            const records = [...recordsIn(decision.records)];
            batches.push(records);
            for (const record of records) expect(evolve(replayed, record)).toBe(true);
            // A zombie's hand: some earlier batch arrives once more.
            const place = (choose.next().value as number) % batches.length;
            for (const record of batches[place] ?? []) expect(evolve(replayed, record)).toBe(false);
          }
          expect(JSON.stringify(replayed)).toBe(JSON.stringify(session.state));
        },
      ),
    );
  });
});

test('the fold takes any record and any state without throwing', () => {
  const kind = fc.constantFrom(
    'create',
    'event',
    'close',
    'delete',
    'ref',
    'unref',
    'burn',
    'settle',
    'fact',
    'level',
    'nonsense',
  );
  fc.assert(
    fc.property(kind, fc.uint8Array(), fc.boolean(), (kindName, value, isCreated) => {
      const session = new FoldedAlone();
      if (isCreated) session.run(createPlain);
      const { rev, lastId } = session.state;
      const record = {
        kind: kindName as SessionRecord['kind'],
        rev,
        id: 'x',
        prev: lastId,
        logEpoch: 'epoch',
        level: 1,
        timeMs: 1,
        value,
        seq: 0,
      };
      expect(() => evolve(session.state, record)).not.toThrow();
    }),
  );
});

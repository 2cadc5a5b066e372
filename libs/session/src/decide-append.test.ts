import { bytesOf } from '@tidemark/std';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AppendCommand } from './commands.ts';
import type { Decision } from './decision.ts';
import { createPlain, FoldedAlone } from './testing.ts';

const append = (more: Partial<AppendCommand> = {}): AppendCommand => ({
  kind: 'append',
  contentType: 'application/json',
  events: [bytesOf('1')],
  close: false,
  ...more,
});

const close = append({ contentType: undefined, events: [], close: true });
const producer = (id: string, epoch: number, seq: number) => ({ producer: { id, epoch, seq } });

/** `write`, or the code of the problem, or `duplicate`. */
function outcomeOf(decision: Decision): string {
  if (decision.kind === 'problem') return decision.problem.code;
  const reply = decision.reply as { readonly kind?: string; readonly isDuplicate?: boolean };
  return reply.isDuplicate === true ? 'duplicate' : decision.kind;
}

let session: FoldedAlone;

beforeEach(() => {
  session = new FoldedAlone();
  session.run(createPlain);
});

const run = (more: Partial<AppendCommand>): string => outcomeOf(session.run(append(more)));

test('seqs are dense, and the reply tells where the append lies', () => {
  expect(session.run(append())).toMatchObject({ reply: { firstSeq: 0, endSeq: 1 } });
  const three = append({ events: ['2', '3', '4'].map(bytesOf) });
  expect(session.run(three)).toMatchObject({ reply: { firstSeq: 1, endSeq: 4 } });
  expect(session.state.stream).toMatchObject({ tailSeq: 4, tailPosition: 4 });
});

test('positions of a byte stream are bytes, its seqs are appends', () => {
  const bytes = new FoldedAlone();
  bytes.run({ ...createPlain, contentType: 'text/plain' });
  bytes.run(append({ contentType: 'Text/Plain; charset=utf-8', events: [bytesOf('hello')] }));
  expect(bytes.state.stream).toMatchObject({ tailSeq: 1, tailPosition: 5 });
});

describe('producers', () => {
  test('accepts the next, answers what is repeated, refuses a gap', () => {
    expect(run(producer('p', 0, 0))).toBe('write');
    expect(run(producer('p', 0, 1))).toBe('write');
    expect(run(producer('p', 0, 0))).toBe('duplicate');
    expect(run(producer('p', 0, 1))).toBe('duplicate');
    expect(run(producer('p', 0, 3))).toBe('producer-gap');
    expect(run(producer('q', 0, 1))).toBe('producer-gap');
  });

  test('a repeat tells the newest sequence accepted, not its own', () => {
    for (const seq of [0, 1, 2]) run(producer('p', 0, seq));
    expect(session.decide(append(producer('p', 0, 0)))).toMatchObject({
      reply: { producer: { epoch: 0, seq: 2 } },
    });
  });

  test('a new epoch begins at 0 and fences the old one', () => {
    expect(run(producer('p', 0, 0))).toBe('write');
    expect(run(producer('p', 2, 1))).toBe('producer-epoch-start');
    expect(run(producer('p', 2, 0))).toBe('write');
    expect(run(producer('p', 0, 1))).toBe('producer-fenced');
    expect(session.decide(append(producer('p', 1, 0)))).toMatchObject({
      problem: { facts: { producerEpoch: 2 } },
    });
  });

  test('a refused append leaves the producer where it was', () => {
    run(producer('p', 0, 0));
    expect(run({ ...producer('p', 0, 1), matchSeq: 9 })).toBe('seq-conflict');
    expect(run(producer('p', 0, 1))).toBe('write');
  });

  test('the 65th producer is remembered beside 64 others while all of them are recent', () => {
    for (let index = 0; index < 70; index += 1) run(producer(`p${index}`, 0, 0));
    expect(run(producer('p0', 0, 0))).toBe('duplicate');
  });

  test('beyond 64, a producer is forgotten when it is older than 7 days', () => {
    for (let index = 0; index < 65; index += 1) run(producer(`p${index}`, 0, 0));
    session.nowMs += 7 * 86_400_000 + 1;
    run(producer('late', 0, 0));
    expect(run(producer('p0', 0, 0))).toBe('write');
    expect(run(producer('p64', 0, 0))).toBe('duplicate');
  });
});

describe('closing', () => {
  test('closes once, repeats for whoever only closes, refuses what would append', () => {
    expect(outcomeOf(session.run(close))).toBe('write');
    expect(outcomeOf(session.run(close))).toBe('duplicate');
    expect(run({})).toBe('session-closed');
    expect(run({ close: true })).toBe('session-closed');
  });

  test('a closed stream says so before its content type is compared', () => {
    session.run(close);
    expect(run({ contentType: 'text/plain' })).toBe('session-closed');
  });

  test('only the request that closed it is a repeat of the close', () => {
    expect(run({ ...producer('p', 0, 0), close: true })).toBe('write');
    expect(run({ ...producer('p', 0, 0), close: true })).toBe('duplicate');
    expect(run({ ...producer('p', 0, 1), close: true })).toBe('session-closed');
    expect(run({ ...producer('q', 0, 0), close: true })).toBe('session-closed');
  });

  test('a stale producer hears that it is fenced, also behind the close', () => {
    run(producer('p', 1, 0));
    session.run(close);
    expect(run(producer('p', 0, 0))).toBe('producer-fenced');
  });
});

describe('conditions', () => {
  test('Stream-Seq must rise, byte by byte', () => {
    expect(run({ streamSeq: '09' })).toBe('write');
    expect(run({ streamSeq: '10' })).toBe('write');
    expect(run({ streamSeq: '10' })).toBe('stream-seq-conflict');
    expect(run({ streamSeq: '2' })).toBe('write');
    expect(run({ streamSeq: '10' })).toBe('stream-seq-conflict');
  });

  test('match-seq tells the real tail', () => {
    run({});
    expect(run({ matchSeq: 1 })).toBe('write');
    expect(session.decide(append({ matchSeq: 1 }))).toMatchObject({
      problem: { code: 'seq-conflict', facts: { tailSeq: 2 } },
    });
  });

  test('a repeat is answered before a condition that it would now fail', () => {
    expect(run({ ...producer('p', 0, 0), streamSeq: '1' })).toBe('write');
    expect(run({ ...producer('p', 0, 0), streamSeq: '1' })).toBe('duplicate');
    expect(run({ key: 'k', matchSeq: 1 })).toBe('write');
    expect(run({ key: 'k', matchSeq: 1 })).toBe('duplicate');
  });

  test('the content type is compared without case and parameters', () => {
    expect(run({ contentType: 'Application/JSON; charset=utf-8' })).toBe('write');
    expect(run({ contentType: 'text/plain' })).toBe('content-type-mismatch');
  });
});

describe('repeats', () => {
  test('an idempotency key is answered with where its append lies', () => {
    session.run(append({ key: 'k', events: ['1', '2'].map(bytesOf) }));
    run({});
    expect(session.decide(append({ key: 'k' }))).toMatchObject({
      kind: 'answer',
      reply: { firstSeq: 0, endSeq: 2, isDuplicate: true },
    });
  });

  test('only events whose ids are not known are appended', () => {
    const events = ['1', '2'].map(bytesOf);
    session.run(append({ events, eventIds: ['a', 'b'] }));
    expect(outcomeOf(session.run(append({ events, eventIds: ['a', 'b'] })))).toBe('duplicate');
    const overlap = session.run(append({ events, eventIds: ['b', 'c'] }));
    expect(overlap).toMatchObject({ kind: 'write', reply: { firstSeq: 2, endSeq: 3 } });
  });

  describe('of events whose ids are known', () => {
    const known = { eventIds: ['a'] };

    beforeEach(() => {
      run({ ...known, ...producer('p', 0, 0), streamSeq: '1' });
    });

    test('close the stream where they ask for it', () => {
      expect(session.run(append({ ...known, close: true }))).toMatchObject({
        kind: 'write',
        reply: { firstSeq: 0, endSeq: 1, isDuplicate: true, isClosed: true },
      });
      expect(session.state.stream).toMatchObject({ isClosed: true, tailSeq: 1 });
      expect(run({ ...known, close: true })).toBe('duplicate');
    });

    test('take the next sequence of their producer, so that the one behind it is no gap', () => {
      expect(session.run(append({ ...known, ...producer('p', 0, 1) }))).toMatchObject({
        reply: { isDuplicate: true, producer: { seq: 1 } },
      });
      expect(session.state.stream?.tailSeq).toBe(1);
      expect(run({ eventIds: ['b'], ...producer('p', 0, 2) })).toBe('write');
      expect(run({ ...known, ...producer('p', 0, 4) })).toBe('producer-gap');
    });

    test('raise Stream-Seq, never lower it, and never conflict by it', () => {
      expect(run({ ...known, streamSeq: '3' })).toBe('duplicate');
      expect(run({ streamSeq: '3' })).toBe('stream-seq-conflict');
      expect(run({ ...known, streamSeq: '2' })).toBe('duplicate');
      expect(session.state.stream?.streamSeq).toBe('3');
    });

    test('make their key known', () => {
      expect(run({ ...known, key: 'k' })).toBe('duplicate');
      run({});
      expect(session.run(append({ key: 'k' }))).toMatchObject({
        kind: 'answer',
        reply: { firstSeq: 0, endSeq: 1, isDuplicate: true },
      });
    });

    test('write nothing where nothing is new', () => {
      const { rev } = session.state;
      expect(run({ ...known, streamSeq: '1' })).toBe('duplicate');
      expect(session.state.rev).toBe(rev);
    });
  });

  test('of a known key take the next sequence of their producer', () => {
    run({ key: 'k', ...producer('p', 0, 0) });
    expect(run({ key: 'k', ...producer('p', 0, 1) })).toBe('duplicate');
    expect(run(producer('p', 0, 2))).toBe('write');
  });
});

import { Problem } from '@tidemark/protocol';
import { bytesOf, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestIdUnder } from './audit.ts';
import type { AppendCommand, FactDecision } from './commands.ts';
import type { Decision } from './decision.ts';
import { factOf } from './durable-facts.ts';
import { eventIdAt, seqOfEventId } from './event-identity.ts';
import { noteOf } from './event-notes.ts';
import { type LifecycleAct, lifecycleActs, lifecycleWord, possibleActs } from './lifecycle.ts';
import { recordsIn } from './record.ts';
import {
  decideAct,
  decideDeleteFact,
  decideDeleteSession,
  decidePutFact,
  decideUpdate,
} from './session-decide.ts';
import type { StreamState } from './state.ts';
import { absentSession } from './state.ts';
import { decodeState, encodeState } from './state-codec.ts';
import { createPlain, FoldedAlone } from './testing.ts';

const actor = { by: 'somebody', requestId: 'req_1' };
const plainStamp = { id: undefined, processedAt: undefined, namesOutcome: false };

interface SentEvent {
  readonly type: string;
  readonly [name: string]: unknown;
}

function sent(...events: readonly SentEvent[]): AppendCommand {
  return {
    kind: 'append',
    contentType: 'application/json',
    close: false,
    events: events.map((event) => bytesOf(`,${JSON.stringify(event).slice(1)}`)),
    stamps: events.map(({ id }) => ({ ...plainStamp, id: id as string | undefined })),
    eventIds: events.map(({ id }) => id as string | undefined),
    types: events.map(({ type }) => type),
    notes: events.map((event) => noteOf(event.type, event)),
  };
}

class Session extends FoldedAlone {
  get stream(): StreamState {
    if (this.state.stream === undefined) throw new Error('there is no stream');
    return this.state.stream;
  }

  get word(): string {
    return lifecycleWord(this.stream.aspects, this.stream.isClosed);
  }

  send(...events: readonly SentEvent[]): Decision {
    return this.run(sent(...events));
  }

  ask(decide: FactDecision): Decision {
    return this.run({ kind: 'fact', decide });
  }
}

function made(profile: Parameters<typeof decideUpdate>[0] = {}): Session {
  const session = new Session();
  session.run({ ...createPlain, profile });
  return session;
}

const codeOf = (decision: Decision): string | undefined =>
  decision.kind === 'problem' ? decision.problem.code : undefined;

describe('events', () => {
  test('are named by whose they are and where they lie, and found by that', () => {
    const session = made();
    const decision = session.send({ type: 'a.b', more: [1, 2] }, { type: 'c' });
    if (decision.kind !== 'write') throw new Error('was not written');
    const [first, second] = recordsIn(decision.records);
    const event = JSON.parse(textOf(second?.value ?? bytesOf(''))) as { id: string };
    expect(JSON.parse(textOf(first?.value ?? bytesOf('')))).toEqual({
      id: eventIdAt(session.stream, 0),
      processed_at: '1970-01-01T00:00:01.000Z',
      type: 'a.b',
      more: [1, 2],
    });
    expect(seqOfEventId(session.stream, event.id)).toBe(1);
    const other = made();
    other.newId();
    other.run({ kind: 'delete' });
    other.run(createPlain);
    expect(seqOfEventId(other.stream, event.id)).toBeUndefined();
  });

  test('of which some are known are stored as far as they are new, and each is told where it is', () => {
    const session = made();
    session.send({ type: 'a', id: 'one' });
    const decision = session.send(
      { type: 'a', id: 'two' },
      { type: 'a', id: 'one' },
      { type: 'b' },
    );
    const reply = decision.kind === 'write' ? decision.reply : undefined;
    if (reply instanceof Problem || reply?.kind !== 'appended') throw new Error('not appended');
    expect(reply.stored?.map((stored) => (typeof stored === 'number' ? stored : 'new'))).toEqual([
      'new',
      0,
      'new',
    ]);
    expect(session.stream.tailSeq).toBe(3);
    const again = session.send({ type: 'a', id: 'two' }, { type: 'a', id: 'one' });
    expect(again).toMatchObject({ kind: 'answer', reply: { isDuplicate: true, stored: [1, 0] } });
  });

  test('make a session where they may, with all that was sent', () => {
    const session = new Session();
    expect(codeOf(session.send({ type: 'a' }))).toBe('session-not-found');
    session.run({ ...sent({ type: 'session.status_running' }), creates: true });
    expect(session.stream.tailSeq).toBe(1);
    expect(session.word).toBe('active');
  });

  test('tell the status, what is waited for, and what was used', () => {
    const session = made();
    expect(session.word).toBe('open');
    session.send({ type: 'session.status_running' });
    session.nowMs += 2_000;
    session.send(
      {
        type: 'span.model_request_end',
        model_usage: { input_tokens: 3, output_tokens: 4, cache_creation_input_tokens: 5 },
      },
      {
        type: 'session.status_idle',
        stop_reason: { type: 'requires_action', event_ids: ['use-1', 'use-2'] },
      },
    );
    const { activity } = session.stream.aspects;
    expect(activity).toMatchObject({ status: 'idle', stop: 'requires_action', activeMs: 2_000 });
    expect(activity.usage).toMatchObject({ input_tokens: 3, ephemeral_5m_input_tokens: 5 });
    expect(session.word).toBe('paused');
    session.send({ type: 'user.tool_confirmation', tool_use_id: 'use-1', result: 'allow' });
    expect(session.stream.aspects.activity.pending).toEqual(['use-2']);
    session.send({ type: 'user.custom_tool_result', custom_tool_use_id: 'use-2' });
    expect(session.word).toBe('active');
  });

  test('whose notes are none have no effect, and stand', () => {
    const session = made();
    const odd = sent({ type: 'span.model_request_end' }, { type: 'session.status_idle' });
    session.run({ ...odd, notes: ['not JSON', '{"ids":7,"stop":[]}'] });
    expect(session.stream.tailSeq).toBe(2);
    expect(session.stream.aspects.activity).toMatchObject({ status: 'idle', pending: [] });
  });

  test('of outcomes and threads are kept as far as there is room', () => {
    const session = made();
    for (let index = 0; index < 300; index += 1) {
      session.send({
        type: 'session.thread_created',
        session_thread_id: `t${index}`,
        agent_name: 'helper',
      });
    }
    session.send({ type: 'session.thread_status_running', session_thread_id: 't7' });
    session.send({
      type: 'span.outcome_evaluation_end',
      outcome_id: 'o',
      result: 'satisfied',
      iteration: 1,
    });
    const { threads, outcomes } = session.stream.aspects.activity;
    expect(threads.length).toBe(256);
    expect(threads[7]?.status).toBe('running');
    expect(outcomes).toMatchObject([{ outcome_id: 'o', result: 'satisfied' }]);
  });
});

/** The table as the docs have it, written down once more. */
const table: Readonly<Record<string, readonly string[]>> = {
  open: ['start', 'pause', 'end', 'archive'],
  active: ['pause', 'end', 'archive'],
  paused: ['resume', 'end', 'archive'],
  resumed: ['start', 'pause', 'end', 'archive'],
  closed: ['archive'],
  archived: [],
};

describe('a life', () => {
  const step = fc.oneof(
    fc.constantFrom(...lifecycleActs).map((act) => ({ act })),
    fc
      .constantFrom('session.status_running', 'session.status_idle', 'session.status_rescheduled')
      .map((event) => ({ event })),
  );

  test('takes the steps of its table, whatever is asked of it in whatever order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const session = made();
        for (const next of steps) {
          const before = session.word;
          const isRunning =
            session.stream.aspects.activity.status !== 'idle' && before !== 'closed';
          if ('event' in next) {
            session.send({ type: next.event });
            continue;
          }
          const decision = session.ask(decideAct(next.act, actor));
          const isRefused = decision.kind === 'problem';
          const isRepeat = next.act === 'archive' && before === 'archived';
          const mayBe =
            table[before]?.includes(next.act) === true && !(next.act === 'archive' && isRunning);
          expect({ before, act: next.act, isRefused }).toEqual({
            before,
            act: next.act,
            isRefused: !mayBe && !isRepeat,
          });
          expect(possibleActs(before as never, session.stream.aspects)).toBeDefined();
        }
      }),
    );
  });

  test('ends with its stream: it is told, closed, and archived once', () => {
    const session = made();
    session.send({ type: 'a' });
    session.ask(decideAct('archive', actor));
    expect([session.word, session.stream.isClosed, session.stream.tailSeq]).toEqual([
      'archived',
      true,
      2,
    ]);
    expect(codeOf(session.send({ type: 'late' }))).toBe('session-archived');
    expect(session.ask(decideAct('archive', actor)).kind).toBe('answer');
    expect(codeOf(session.ask(decideUpdate({ title: 'x' }, {}, actor)))).toBe('session-archived');
    expect(session.stream.aspects.audit.entries.map(({ act }) => act)).toEqual(['archive']);
  });

  test('is refused with where it is, and what is possible there', () => {
    const session = made();
    const decision = session.ask(decideAct('resume', actor));
    expect(decision).toMatchObject({
      problem: { code: 'transition-refused', facts: { state: 'open', possible: table['open'] } },
    });
    session.send({ type: 'session.status_running' });
    expect(codeOf(session.ask(decideDeleteSession))).toBe('session-running');
  });
});

describe('durable facts', () => {
  const key = fc.constantFrom('a', 'b', '__proto__', 'ü');
  const change = fc.record({
    key,
    value: fc.option(fc.jsonValue({ maxDepth: 1 }), { nil: undefined }),
    /** How far off the version is that was seen; undefined: nobody looked. */
    off: fc.option(fc.nat({ max: 2 }), { nil: undefined }),
  });

  test('are what a plain map has, with the versions that were seen, and come back as they were', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const session = made();
        const plain = new Map<string, { value: string; version: number }>();
        let count = 0;
        for (const { key: name, value, off } of changes) {
          const known = plain.get(name);
          const version = off === undefined ? undefined : (known?.version ?? 0) + off;
          const isSeen = off === undefined || off === 0;
          if (value === undefined) {
            const code = codeOf(session.ask(decideDeleteFact({ key: name, version }, actor)));
            if (!isSeen) expect(code).toBe('fact-conflict');
            else expect(code).toBe(known === undefined ? 'fact-not-found' : undefined);
            if (isSeen && plain.delete(name)) count += 1;
          } else {
            const text = JSON.stringify(value);
            const put = decidePutFact({ key: name, value: text, version }, actor);
            expect(codeOf(session.ask(put))).toBe(isSeen ? undefined : 'fact-conflict');
            if (!isSeen) continue;
            count += 1;
            plain.set(name, { value: text, version: count });
          }
        }
        const encoded = JSON.parse(JSON.stringify(encodeState(session.state))) as unknown;
        const restored = decodeState(absentSession('tenant', 'session'), encoded);
        for (const { facts } of [
          session.stream.aspects,
          restored?.stream?.aspects ?? session.stream.aspects,
        ]) {
          for (const [name, fact] of plain) expect(factOf(facts, name)).toMatchObject(fact);
          expect(facts.count).toBe(plain.size);
        }
        expect(JSON.stringify(encodeState(restored ?? session.state))).toBe(
          JSON.stringify(encoded),
        );
      }),
    );
  });

  test('are bounded in number and size', () => {
    const session = made();
    const put = (name: string, value: string): string | undefined =>
      codeOf(session.ask(decidePutFact({ key: name, value, version: undefined }, actor)));
    expect(put('large', JSON.stringify('x'.repeat(70_000)))).toBe('too-large');
    expect(put('', '1')).toBe('too-large');
    const codes = Array.from({ length: 1_025 }, (_, index) => put(`k${index}`, '1'));
    expect(codes.filter((code) => code !== undefined)).toEqual(['too-large']);
    expect(session.stream.aspects.audit).toMatchObject({ dropped: 1_024 - 256 });
  });

  test('put again under the same key are answered with the version of the first time', () => {
    const session = made();
    const under = (key: string, requestId: string): typeof actor => ({
      ...actor,
      requestId: requestIdUnder(requestId, key),
    });
    const put = (value: string, acting: typeof actor): unknown =>
      session.ask(decidePutFact({ key: 'k', value, version: undefined }, acting));
    expect(put('1', under('first', 'one'))).toMatchObject({ kind: 'write' });
    expect(put('2', under('second', 'two'))).toMatchObject({ kind: 'write' });
    expect(put('1', under('first', 'three'))).toMatchObject({
      kind: 'answer',
      reply: { answer: 1 },
    });
    expect(put('2', under('second', 'four'))).toMatchObject({ reply: { answer: 2 } });
    const another = { ...under('first', 'five'), by: 'another' };
    expect(put('3', another)).toMatchObject({ kind: 'write' });
    expect(session.ask(decideAct('pause', under('first', 'six'))).kind).toBe('write');
    expect(session.ask(decideAct('pause', under('first', 'seven'))).kind).toBe('answer');
    expect(codeOf(session.ask(decideAct('pause', actor)))).toBe('transition-refused');
  });

  test('put on the state of before it was put by another do not stand', () => {
    const session = made();
    const decide = decidePutFact({ key: 'k', value: '1', version: 0 }, actor);
    const one = session.decide({ kind: 'fact', decide });
    const other = session.decide({ kind: 'fact', decide });
    expect([one.kind, other.kind]).toEqual(['write', 'write']);
    session.ask(decide);
    expect(codeOf(session.ask(decide))).toBe('fact-conflict');
  });
});

describe('a budget', () => {
  test('lets what settles pass when it is spent, and refuses the rest', () => {
    const session = made({ limits: { events: 2 } });
    session.send({ type: 'user.message', content: [] });
    session.send({ type: 'a' }, { type: 'b' });
    expect(codeOf(session.send({ type: 'user.message', content: [] }))).toBe('budget-reached');
    expect(codeOf(session.send({ type: 'user.interrupt' }))).toBeUndefined();
    expect(codeOf(session.send({ type: 'user.interrupt' }, { type: 'x' }))).toBe('budget-reached');
    session.ask(decideUpdate({ limits: { events: 10 } }, {}, actor));
    expect(codeOf(session.send({ type: 'x' }))).toBeUndefined();
  });

  test('counts tokens, turns, bytes and cost', () => {
    const usage = { usage: { list_cost: { amount: '250', currency: 'USD' }, input_tokens: 9 } };
    const cases = [
      [{ limits: { tokens: 9 } }, { type: 'session.usage', ...usage }],
      [{ limits: { bytes: 10 } }, { type: 'a' }],
      [
        { budget: { type: 'limit', max_list_cost: { amount: '200', currency: 'USD' } } },
        { type: 'session.usage', ...usage },
      ],
    ] as const;
    for (const [profile, event] of cases) {
      const session = made(profile);
      session.send(event);
      expect(codeOf(session.send({ type: 'a' }))).toBe('budget-reached');
    }
    const session = made({ limits: { turns: 1 } });
    session.send({ type: 'session.status_running' });
    expect(codeOf(session.send({ type: 'a' }))).toBeUndefined();
    session.send({ type: 'session.status_idle' });
    expect(codeOf(session.send({ type: 'user.message', content: [] }))).toBe('budget-reached');
  });
});

test('a preview stands in its place, and is kept nowhere', () => {
  const session = made();
  session.send({ type: 'a' });
  const before = session.stream.tailSeq;
  session.run({ kind: 'preview', frames: bytesOf('[]') });
  expect([session.stream.tailSeq, session.state.rev]).toEqual([before, 3]);
  session.ask(decideAct('end', actor));
  expect(session.run({ kind: 'preview', frames: bytesOf('[]') }).kind).toBe('answer');
});

test('what a session is made with is patched, bounded, and whole again from its bytes', () => {
  const session = made({ title: 'one', metadata: { a: '1', b: '2' }, scratch: { at: 1 } });
  session.ask(decideUpdate({ title: null, metadata: { a: null, c: '3' } }, {}, actor));
  const { profile } = session.stream.aspects;
  expect(profile).toMatchObject({ title: undefined, metadata: { b: '2', c: '3' } });
  const large = {
    metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, ''])),
  };
  expect(codeOf(session.ask(decideUpdate(large, {}, actor)))).toBe('too-large');
  const encoded: unknown = JSON.parse(JSON.stringify(encodeState(session.state)));
  expect(decodeState(absentSession('tenant', 'session'), encoded)?.stream?.aspects.profile).toEqual(
    profile,
  );
  expect(lifecycleActs satisfies readonly LifecycleAct[]).toHaveLength(5);
});

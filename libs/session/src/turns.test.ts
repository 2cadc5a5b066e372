// Turns as the fold has them: what may be said of them, and what holds whatever workers do.

import { bytesOf, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FactDecision } from './commands.ts';
import type { Decision } from './decision.ts';
import { noteOf } from './event-notes.ts';
import { evolve } from './evolve.ts';
import { recordsIn } from './record.ts';
import type { Run } from './run.ts';
import { absentSession, type StreamState, speculate } from './state.ts';
import { decodeState, encodeState } from './state-codec.ts';
import { createPlain, FoldedAlone } from './testing.ts';
import {
  decideCancelTurn,
  decideClaimTurn,
  decideEndTurn,
  decideReportTurn,
  decideSweepTurn,
  type HeldTurn,
  type RunEvent,
} from './turn-decide.ts';
import { noTurns, type Turns, type YieldReason } from './turns.ts';

const actor = { by: 'key_1', requestId: 'req_1' };
const leaseMs = 1_000;

const run: Run = { limits: {}, metadata: null, requestHash: 'h' };

class Session extends FoldedAlone {
  get stream(): StreamState {
    if (this.state.stream === undefined) throw new Error('there is no stream');
    return this.state.stream;
  }

  get turns(): Turns {
    return this.stream.aspects.turns;
  }

  say(type = 'user.message'): number {
    const seq = this.stream.tailSeq;
    const event = { type, content: [] };
    this.run({
      kind: 'append',
      contentType: 'application/json',
      close: false,
      events: [bytesOf(JSON.stringify(event))],
      types: [type],
      notes: [noteOf(type, event)],
    });
    return seq;
  }

  ask(decide: FactDecision): Decision {
    return this.run({ kind: 'fact', decide });
  }

  claim(turn: string, worker = 'a'): HeldTurn | undefined {
    return heldIn(this.ask(decideClaimTurn({ turn, worker, leaseMs }, actor)));
  }

  report(held: HeldTurn, events: readonly RunEvent[] = [], takesInputs = false): Decision {
    return this.ask(decideReportTurn(held, { events, takesInputs }, actor));
  }

  end(
    held: HeldTurn,
    reason: YieldReason = 'completed',
    events: readonly RunEvent[] = [],
  ): Decision {
    return this.ask(
      decideEndTurn(held, { reason, events, error: undefined, resultEventId: undefined }, actor),
    );
  }

  /** Types of the events that the last records carry, and of their facts. */
  static written(decision: Decision): readonly string[] {
    if (decision.kind !== 'write') return [];
    return [...recordsIn(decision.records)].map(({ value }) => {
      const { type } = JSON.parse(textOf(value)) as { readonly type: string };
      return type;
    });
  }
}

function heldIn(decision: Decision): HeldTurn | undefined {
  if (decision.kind === 'problem') return undefined;
  const { reply } = decision;
  return 'answer' in reply ? (reply.answer as HeldTurn | undefined) : undefined;
}

const codeOf = (decision: Decision): string | undefined =>
  decision.kind === 'problem' ? decision.problem.code : undefined;

function made(limits: Run['limits'] = {}): Session {
  const session = new Session();
  session.run({ ...createPlain, profile: { run: { ...run, limits } } });
  return session;
}

function begun(limits: Run['limits'] = {}): { session: Session; held: HeldTurn } {
  const session = made(limits);
  session.say();
  const held = session.claim('t1');
  if (held === undefined) throw new Error('was not claimed');
  return { session, held };
}

const call = (id: string): RunEvent => ({ id, type: 'agent.tool_use', name: 'bash', input: {} });
const result = (id: string): RunEvent => ({
  type: 'agent.tool_result',
  tool_use_id: id,
  content: [],
});
const request = (tokens: number): RunEvent => ({
  type: 'span.model_request_end',
  model_usage: { input_tokens: tokens, output_tokens: 0 },
});

describe('a turn', () => {
  test('waits for an input, has all that were there, and leaves those behind to the next', () => {
    const session = made();
    expect(session.claim('t0')).toBeUndefined();
    const first = session.say();
    session.say();
    const held = session.claim('t1');
    expect(held).toMatchObject({ turn: 't1', generation: 1, fromSeq: first, endSeq: first + 2 });
    expect(session.claim('t2')).toBeUndefined();
    const late = session.say();
    if (held === undefined) throw new Error('was not claimed');
    session.end(held);
    expect(session.turns.waitingSeq).toBe(late);
    expect(session.claim('t2')).toMatchObject({ fromSeq: late, endSeq: late + 1, generation: 2 });
  });

  test('takes what was said meanwhile, where its worker wants it', () => {
    const { session, held } = begun();
    const late = session.say();
    expect(heldIn(session.report(held))).toMatchObject({ inputEndSeq: late + 1, endSeq: 1 });
    expect(heldIn(session.report(held, [], true))).toMatchObject({ endSeq: late + 1 });
    expect(session.turns.waitingSeq).toBeUndefined();
    session.end(held);
    expect(session.claim('t2')).toBeUndefined();
  });

  test('is told on the stream, in both vocabularies', () => {
    const { session, held } = begun();
    expect(session.stream.aspects.activity.status).toBe('running');
    const decision = session.end(held, 'needs_input', [{ type: 'agent.message', content: [] }]);
    expect(Session.written(decision)).toEqual([
      'agent.message',
      'turn.completed',
      'session.status_idle',
      'turn-ended',
    ]);
    const { activity, turns } = session.stream.aspects;
    expect(activity).toMatchObject({ status: 'idle', stop: 'requires_action' });
    expect(activity.pending).toEqual([turns.ended[0]?.result?.id]);
  });

  test('is in nobody’s audit, however often it is renewed', () => {
    const { session, held } = begun();
    session.report(held);
    session.end(held);
    expect(session.stream.aspects.audit.entries).toEqual([]);
  });

  test('belongs to sessions that workers run, and to no other', () => {
    const session = new Session();
    session.run(createPlain);
    session.say();
    expect(codeOf(session.ask(decideClaimTurn({ turn: 't', worker: 'a', leaseMs }, actor)))).toBe(
      'not-found',
    );
    expect(session.turns).toBe(noTurns);
  });

  test('is completed once: a repeat changes nothing', () => {
    const { session, held } = begun();
    session.end(held);
    const { rev } = session.state;
    expect(session.end(held).kind).toBe('answer');
    expect(session.state.rev).toBe(rev);
  });
});

describe('a worker that is lost', () => {
  test('keeps its turn for its lease, and for no longer', () => {
    const { session, held } = begun();
    session.nowMs += leaseMs - 1;
    expect(session.claim('t2', 'b')).toBeUndefined();
    session.report(held);
    session.nowMs += leaseMs - 1;
    expect(session.claim('t2', 'b')).toBeUndefined();
    session.nowMs += 1;
    expect(session.claim('t2', 'b')).toMatchObject({ turn: 't1', generation: 2 });
    expect(codeOf(session.report(held, [request(1)]))).toBe('turn-lost');
    expect(codeOf(session.end(held))).toBe('turn-lost');
    expect(session.turns.running).toMatchObject({ id: 't1', worker: 'b', tokens: 0 });
  });

  test('has its open calls settled in the write that takes the turn over', () => {
    const { session, held } = begun();
    session.report(held, [call('c1'), call('c2'), result('c1')]);
    session.nowMs += leaseMs;
    const decision = session.ask(decideClaimTurn({ turn: 'x', worker: 'b', leaseMs }, actor));
    expect(Session.written(decision)).toEqual([
      'agent.tool_result',
      'turn-claimed',
      'turn.resumed',
    ]);
    expect(session.turns.running?.calls).toEqual([]);
  });

  test('cannot write what it decided before it was taken over', () => {
    const { session, held } = begun();
    const late = session.decide({
      kind: 'fact',
      decide: decideReportTurn(held, { events: [request(1)], takesInputs: false }, actor),
    });
    session.nowMs += leaseMs;
    session.claim('t2', 'b');
    if (late.kind !== 'write') throw new Error('was not written');
    for (const record of late.records) expect(evolve(session.state, record)).toBe(false);
  });
});

describe('an end', () => {
  test('with a call that is open cannot be said; whoever ends settles it', () => {
    const { session, held } = begun();
    session.report(held, [call('c1')]);
    const state = speculate(session.state);
    const fact = { type: 'turn-ended', turn: 't1', generation: 1, reason: 'completed', ...actor };
    const bare = session.decide({
      kind: 'fact',
      decide: () => ({ kind: 'fact', fact, answer: undefined }),
    });
    if (bare.kind !== 'write') throw new Error('was not written');
    for (const record of bare.records) expect(evolve(state, record)).toBe(false);
    expect(Session.written(session.end(held, 'error', [call('c2')]))).toEqual([
      'agent.tool_use',
      'agent.tool_result',
      'agent.tool_result',
      'turn.completed',
      'session.status_idle',
      'turn-ended',
    ]);
    expect(session.turns.ended[0]).toMatchObject({ reason: 'error', id: 't1' });
  });

  test.each([
    ['budget_exceeded', { tokens: 10 }, [request(10)]],
    ['max_turns', { turns: 2 }, [request(1), request(1)]],
  ] as const)('comes with the report that reaches a limit: %s', (reason, limits, events) => {
    const { session, held } = begun(limits);
    expect(heldIn(session.report(held, events))).toMatchObject({ isOver: true, reason });
    expect(session.turns.ended[0]?.reason).toBe(reason);
    expect(session.turns.running).toBeUndefined();
  });

  test('comes by whoever finds that the time is over', () => {
    const { session } = begun({ turnSeconds: 2 });
    session.nowMs += 1_999;
    expect(session.ask(decideSweepTurn(actor)).kind).toBe('answer');
    session.nowMs += 1;
    session.ask(decideSweepTurn(actor));
    expect(session.turns.ended[0]?.reason).toBe('deadline_exceeded');
  });

  test('is asked for, and comes by itself where nobody listens', () => {
    const { session, held } = begun();
    session.ask(decideCancelTurn(actor));
    expect(session.ask(decideCancelTurn(actor)).kind).toBe('answer');
    expect(heldIn(session.report(held))).toMatchObject({ isCanceled: true, isOver: false });
    session.nowMs += 4_999;
    expect(session.ask(decideSweepTurn(actor)).kind).toBe('answer');
    session.nowMs += 1;
    session.ask(decideSweepTurn(actor));
    expect(session.turns.ended[0]?.reason).toBe('canceled');
  });

  test('of what only waits is a cancel as well', () => {
    const session = made();
    session.say();
    session.ask(decideCancelTurn(actor));
    expect(session.claim('t1')).toBeUndefined();
    expect(session.turns).toMatchObject({ count: 0, waitingSeq: undefined });
  });

  test('leaves so many behind, and no more', () => {
    const session = made();
    for (let index = 0; index < 70; index += 1) {
      session.say();
      const held = session.claim(`t${index}`);
      if (held !== undefined) session.end(held);
    }
    expect(session.turns.ended).toHaveLength(64);
    expect(session.turns).toMatchObject({ count: 70, generation: 70 });
  });
});

test('a state with turns has these bytes, and is whole again from them', () => {
  const { session, held } = begun({ tokens: 5 });
  session.report(held, [call('c1')]);
  session.end(held, 'completed', [{ type: 'agent.message', content: [] }]);
  session.say();
  session.claim('t2', 'b');
  const encoded = JSON.parse(JSON.stringify(encodeState(session.state))) as {
    readonly stream: { readonly aspects: { readonly turns: unknown; readonly profile: object } };
  };
  expect(encoded.stream.aspects.turns).toEqual({
    generation: 2,
    running: {
      id: 't2',
      worker: 'b',
      leaseMs: 1_000,
      startedAtMs: 1_000,
      renewedAtMs: 1_000,
      fromSeq: 8,
      endSeq: 9,
      calls: [],
      tokens: 0,
      steps: 0,
    },
    ended: [
      {
        id: 't1',
        reason: 'completed',
        startedAtMs: 1_000,
        endedAtMs: 1_000,
        fromSeq: 0,
        endSeq: 1,
        tokens: 0,
        steps: 0,
        result: { id: `sevt_${session.stream.tag}0000000000000004`, seq: 4 },
      },
    ],
    count: 2,
    inputEndSeq: 9,
  });
  const restored = decodeState(absentSession('tenant', 'session'), encoded);
  expect(restored?.stream?.aspects.turns).toEqual(session.turns);
  expect(restored?.stream?.aspects.profile.run).toEqual({ ...run, limits: { tokens: 5 } });
});

test('whatever two workers do, an input is in one turn, and a turn is one worker’s at a time', () => {
  const step = fc.record({
    what: fc.constantFrom('say', 'claim', 'report', 'take', 'end', 'cancel', 'sweep', 'wait'),
    who: fc.constantFrom('a', 'b'),
    calls: fc.array(fc.constantFrom('c1', 'c2', 'c3'), { maxLength: 2 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const session = made({ turnSeconds: 5 });
      const held = new Map<string, HeldTurn>();
      const said: number[] = [];
      let turn = 0;
      for (const { what, who, calls } of steps) {
        const mine = held.get(who);
        const generation = session.turns.generation;
        if (what === 'say') said.push(session.say());
        if (what === 'wait') session.nowMs += leaseMs;
        if (what === 'cancel') {
          // What only waits is left, by its own wish.
          if (session.turns.running === undefined) said.length = 0;
          session.ask(decideCancelTurn(actor));
        }
        if (what === 'sweep') session.ask(decideSweepTurn(actor));
        if (what === 'claim') {
          turn += 1;
          const claimed = session.claim(`t${turn}`, who);
          if (claimed !== undefined) held.set(who, claimed);
          expect(session.turns.generation - generation).toBe(claimed === undefined ? 0 : 1);
        }
        if (mine === undefined) continue;
        const isMine =
          session.turns.running?.id === mine.turn && session.turns.generation === mine.generation;
        const events = calls.map(call);
        if (what === 'report' || what === 'take') {
          const decision = session.report(mine, events, what === 'take');
          expect(codeOf(decision)).toBe(isMine ? undefined : 'turn-lost');
        }
        if (what === 'end') {
          const isLost = codeOf(session.end(mine, 'completed', events)) === 'turn-lost';
          if (isMine) expect(isLost).toBe(false);
        }
      }
      const { ended, running, waitingSeq } = session.turns;
      const ranges = [...ended, ...(running === undefined ? [] : [running])];
      let behind = 0;
      for (const { fromSeq, endSeq } of ranges) {
        expect(fromSeq).toBeGreaterThanOrEqual(behind);
        expect(endSeq).toBeGreaterThan(fromSeq);
        behind = endSeq;
      }
      for (const seq of said) {
        const inTurns = ranges.filter(({ fromSeq, endSeq }) => fromSeq <= seq && seq < endSeq);
        const isWaiting = waitingSeq !== undefined && seq >= waitingSeq;
        expect(inTurns).toHaveLength(isWaiting ? 0 : 1);
      }
      const encoded: unknown = JSON.parse(JSON.stringify(encodeState(session.state)));
      const restored = decodeState(absentSession('tenant', 'session'), encoded);
      expect(restored?.stream?.aspects.turns).toEqual(session.turns);
    }),
  );
});

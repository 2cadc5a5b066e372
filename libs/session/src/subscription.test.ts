// Commands at random, as clients and relays of any age would send them, against what must hold
// whatever they are.

import { limits } from '@tidemark/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FactDecision } from './commands.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import { absentSession, type SessionState, speculate } from './state.ts';
import { evolveSubscription, type LiveSubscription } from './subscription.ts';
import {
  decideAck,
  decideClaim,
  decideExpireLease,
  decideFailDelivery,
  decideFinish,
  decideLink,
  decideRelease,
  decideRetry,
  decideSubscribe,
  decideUnlink,
  decideUnsubscribe,
  decideWake,
  type SubscriptionAnswer,
} from './subscription-decide.ts';
import type { SubscriptionConfig } from './subscription-facts.ts';

const webhook: SubscriptionConfig = {
  kind: 'webhook',
  pattern: 'events/*',
  webhookUrl: 'https://worker.example/hook',
  wakeStream: undefined,
  leaseMs: 1_000,
  description: undefined,
  baseUrl: 'http://127.0.0.1',
};
const pull: SubscriptionConfig = {
  ...webhook,
  kind: 'pull-wake',
  webhookUrl: undefined,
  wakeStream: 'events/pool',
};

/** A session under test: asks and folds, as a writer does. */
class Subject {
  readonly state: SessionState = absentSession('tenant', '$sub/one');
  nowMs = 1_000;
  #ids = 0;

  ask(decision: FactDecision): SubscriptionAnswer {
    const context = {
      nowMs: this.nowMs,
      logEpoch: 'epoch',
      level: 1,
      newIds: () => `r${(this.#ids += 1)}`,
    };
    const decided = decide(this.state, { kind: 'fact', decide: decision }, context);
    if (decided.kind === 'problem') throw decided.problem;
    if (decided.kind === 'write') {
      const stands = decided.records.every((record) => evolve(this.state, record));
      if (!stands) throw new Error('what was decided does not stand');
    }
    const { reply } = decided;
    if (reply instanceof Error || reply.kind !== 'answer') throw new Error('no answer');
    return reply.answer as SubscriptionAnswer;
  }

  get live(): LiveSubscription {
    const { subscription } = this.state;
    if (subscription?.kind !== 'live') throw new Error('no subscription');
    return subscription;
  }

  position(path: string): number | undefined {
    return this.live.links.get(path)?.position;
  }
}

const subscribe = (config: SubscriptionConfig, configHash = 'h') =>
  decideSubscribe({ config, configHash, links: [], by: 'p1' });
const wake = (wakeId: string, tail = 3, path = 'events/a') =>
  decideWake({ wakeId, by: 'p1', streams: [{ path, incarnation: 'i', acked: 0, tail }] });
const claim = (worker: string, tail = 3) =>
  decideClaim({
    wakeId: `w-${worker}`,
    by: 'p1',
    worker,
    streams: [{ path: 'events/a', incarnation: 'i', acked: 0, tail }],
  });
const ack = (name: { generation: number; wakeId: string }, position: number, done = false) =>
  decideAck({
    kind: 'webhook',
    ...name,
    acks: [{ path: 'events/a', incarnation: 'i', position, tail: 5 }],
    done,
  });

const refused = (code: string) => expect.objectContaining({ kind: 'refused', code });

test('the same configuration is confirmed, another is refused', () => {
  const subject = new Subject();
  expect(subject.ask(subscribe(webhook))).toEqual({ kind: 'created', isNew: true });
  expect(subject.ask(subscribe(webhook))).toEqual({ kind: 'created', isNew: false });
  expect(subject.ask(subscribe(webhook, 'other'))).toEqual(refused('already-exists'));
});

test('without the tails of its streams it is confirmed, and not created', () => {
  const subject = new Subject();
  const confirm = decideSubscribe({ config: webhook, configHash: 'h', links: undefined, by: 'p1' });
  expect(subject.ask(confirm)).toEqual({ kind: 'moved-on' });
  subject.ask(subscribe(webhook, 'h'));
  expect(subject.ask(confirm)).toEqual({ kind: 'created', isNew: false });
});

test('one wake is under way at a time, and each has the next generation', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  expect(subject.ask(wake('w1'))).toEqual({ kind: 'done' });
  expect(subject.ask(wake('w2'))).toEqual({ kind: 'moved-on' });
  expect(subject.live.wake).toMatchObject({ generation: 1, wakeId: 'w1' });
  subject.ask(decideFinish({ generation: 1, wakeId: 'w1' }));
  expect(subject.position('events/a')).toBe(3);
  expect(subject.ask(wake('w3', 4))).toEqual({ kind: 'done' });
  expect(subject.live.wake).toMatchObject({ generation: 2, wakeId: 'w3' });
});

test('nothing pending wakes nobody', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  expect(subject.ask(wake('w1', 0))).toEqual({ kind: 'moved-on' });
  expect(subject.ask(wake('w1', 3, 'elsewhere'))).toEqual({ kind: 'moved-on' });
  subject.ask(wake('w1', 3));
  subject.ask(decideFinish({ generation: 1, wakeId: 'w1' }));
  expect(subject.ask(wake('w2', 3))).toEqual({ kind: 'moved-on' });
});

test('a wrong generation or a wrong wake id is fenced, and advances nothing', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  subject.ask(wake('w1'));
  expect(subject.ask(ack({ generation: 2, wakeId: 'w1' }, 2))).toEqual(refused('fenced'));
  expect(subject.ask(ack({ generation: 1, wakeId: 'w2' }, 2))).toEqual(refused('fenced'));
  expect(subject.position('events/a')).toBe(0);
  expect(subject.ask(ack({ generation: 1, wakeId: 'w1' }, 2, true))).toEqual({ kind: 'done' });
  expect(subject.ask(ack({ generation: 1, wakeId: 'w1' }, 3))).toEqual(refused('fenced'));
  expect(subject.position('events/a')).toBe(2);
});

test('an ack goes neither back nor beyond the tail', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  subject.ask(wake('w1'));
  const name = { generation: 1, wakeId: 'w1' };
  expect(subject.ask(ack(name, 2))).toEqual({ kind: 'done' });
  expect(subject.ask(ack(name, 1))).toEqual(refused('invalid-offset'));
  expect(subject.ask(ack(name, 2))).toEqual({ kind: 'done' });
  expect(subject.ask(ack(name, 5))).toEqual({ kind: 'done' });
  expect(subject.ask(ack(name, 6))).toEqual(refused('invalid-offset'));
  expect(subject.position('events/a')).toBe(5);
});

test('a stream that was created again begins at its beginning', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  subject.ask(wake('w1', 3));
  subject.ask(decideFinish({ generation: 1, wakeId: 'w1' }));
  const streams = [{ path: 'events/a', incarnation: 'j', acked: 0, tail: 1 }];
  expect(subject.ask(decideWake({ wakeId: 'w2', by: 'p1', streams }))).toEqual({ kind: 'done' });
  expect(subject.live.links.get('events/a')).toMatchObject({ incarnation: 'j', position: 0 });
});

test('a delete lasts until a new create, and its generations go on growing', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  subject.ask(wake('w1'));
  subject.ask(decideUnsubscribe);
  expect(subject.ask(ack({ generation: 1, wakeId: 'w1' }, 2))).toEqual(refused('not-found'));
  expect(subject.ask(wake('w2'))).toEqual(refused('not-found'));
  expect(subject.ask(decideUnsubscribe)).toEqual({ kind: 'done' });
  expect(subject.ask(subscribe(webhook, 'other'))).toEqual({ kind: 'created', isNew: true });
  expect(subject.ask(ack({ generation: 1, wakeId: 'w1' }, 2))).toEqual(refused('fenced'));
  subject.ask(wake('w3'));
  expect(subject.live.wake).toMatchObject({ generation: 2, wakeId: 'w3' });
});

test('one worker holds the lease, and a release gives it back', () => {
  const subject = new Subject();
  subject.ask(subscribe(pull));
  subject.ask(wake('w1'));
  expect(subject.ask(claim('one'))).toMatchObject({ kind: 'claimed', wake: { wakeId: 'w1' } });
  expect(subject.ask(claim('two'))).toEqual({
    kind: 'refused',
    code: 'already-claimed',
    worker: 'one',
    generation: 1,
  });
  expect(subject.ask(decideRelease({ generation: 1, wakeId: 'other' }))).toEqual(refused('fenced'));
  expect(subject.ask(decideRelease({ generation: 1, wakeId: 'w1' }))).toEqual({ kind: 'done' });
  expect(subject.ask(claim('two'))).toEqual({
    kind: 'claimed',
    wake: { generation: 2, wakeId: 'w-two' },
  });
});

test('a claim with nothing pending takes the empty wake away', () => {
  const subject = new Subject();
  subject.ask(subscribe(pull));
  subject.ask(wake('w1'));
  expect(subject.ask(claim('one', 0))).toEqual(refused('no-pending-work'));
  expect(subject.live.wake).toBeUndefined();
});

test('an unclaimed wake is neither acked nor released', () => {
  const subject = new Subject();
  subject.ask(subscribe(pull));
  subject.ask(wake('w1'));
  const name = { generation: 1, wakeId: 'w1' };
  expect(subject.ask(decideAck({ kind: 'pull-wake', ...name, acks: [], done: true }))).toEqual(
    refused('fenced'),
  );
  expect(subject.ask(decideRelease(name))).toEqual(refused('fenced'));
});

test('a wake stream that its own pattern matches wakes nobody', () => {
  const subject = new Subject();
  subject.ask(subscribe(pull));
  expect(subject.ask(wake('w1', 3, 'events/pool'))).toEqual({ kind: 'moved-on' });
});

test('a lease that was renewed does not run out by what was seen before', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  subject.ask(wake('w1'));
  const seen = subject.live.wake;
  if (seen === undefined) throw new Error('no wake');
  subject.ask(ack({ generation: 1, wakeId: 'w1' }, 1));
  expect(subject.ask(decideExpireLease(seen, 'p2'))).toEqual({ kind: 'moved-on' });
  const renewed = subject.live.wake ?? seen;
  expect(subject.ask(decideExpireLease(renewed, 'p2'))).toEqual({ kind: 'done' });
  expect(subject.live).toMatchObject({ wake: undefined, by: 'p2' });
  expect(subject.ask(ack({ generation: 1, wakeId: 'w1' }, 2))).toEqual(refused('fenced'));
});

test('a failed delivery says when to try again, and one process does', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  subject.ask(wake('w1'));
  const first = { generation: 1, wakeId: 'w1', attempt: 1 };
  expect(subject.ask(decideFailDelivery(first, 900))).toEqual({ kind: 'done' });
  expect(subject.ask(decideFailDelivery(first, 900))).toEqual({ kind: 'moved-on' });
  const failed = subject.live.wake;
  if (failed === undefined) throw new Error('no wake');
  expect(failed.nextAttemptAtMs).toBe(1_900);
  expect(subject.ask(decideExpireLease(failed, 'p2'))).toEqual({ kind: 'moved-on' });
  expect(subject.ask(decideRetry(failed, 'p2'))).toEqual({ kind: 'done' });
  expect(subject.ask(decideRetry(failed, 'p3'))).toEqual({ kind: 'moved-on' });
  expect(subject.live.wake).toMatchObject({ attempt: 2, by: 'p2', nextAttemptAtMs: undefined });
});

test('an explicit link that goes leaves the one of the pattern', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  const link = (path: string) => ({ path, isExplicit: true, incarnation: 'i', position: 2 });
  subject.ask(decideLink([link('events/a'), link('other/b')]));
  subject.ask(decideUnlink('events/a'));
  subject.ask(decideUnlink('other/b'));
  expect(subject.ask(decideUnlink('never'))).toEqual({ kind: 'done' });
  expect([...subject.live.links]).toEqual([
    ['events/a', { isExplicit: false, incarnation: 'i', position: 2 }],
  ]);
});

const anything = fc.oneof(
  fc.record({ type: fc.string() }),
  fc.dictionary(fc.string(), fc.jsonValue()),
  fc.record(
    {
      type: fc.constantFrom(
        'created',
        'woken',
        'claimed',
        'acked',
        'linked',
        'deleted',
        '__proto__',
      ),
      generation: fc.jsonValue(),
      wakeId: fc.jsonValue(),
      by: fc.jsonValue(),
      streams: fc.jsonValue(),
      acks: fc.jsonValue(),
      links: fc.jsonValue(),
    },
    { requiredKeys: ['type'] },
  ),
);

test('whatever the facts are, the fold has an answer', () => {
  const subject = new Subject();
  subject.ask(subscribe(webhook));
  fc.assert(
    fc.property(anything, (facts) => {
      const record = { id: 'x', timeMs: 1 };
      for (const state of [subject.state.subscription, undefined]) {
        expect(() => evolveSubscription(state, facts, record)).not.toThrow();
      }
    }),
  );
});

test('a fact in a session that is no subscription is void', () => {
  const state = absentSession('tenant', 'plain');
  const context = { nowMs: 1, logEpoch: 'epoch', level: 1, newIds: () => 'r1' };
  const decided = decide(state, { kind: 'fact', decide: subscribe(webhook) }, context);
  if (decided.kind !== 'write') throw new Error('nothing to write');
  expect(decided.records.map((record) => evolve(state, record))).toEqual([false]);
});

type Step = (
  subject: Subject,
  seen: { generation: number; wakeId: string },
) => FactDecision | undefined;

const steps: fc.Arbitrary<{ step: Step; age: number }> = fc.record({
  age: fc.nat(4),
  step: fc.oneof(
    fc.constant<Step>(() => subscribe(webhook)),
    fc.constant<Step>(() => decideUnsubscribe),
    fc.nat(6).map<Step>((tail) => (subject) => wake(`w${subject.state.rev}`, tail)),
    fc.tuple(fc.nat(6), fc.boolean()).map<Step>(
      ([position, done]) =>
        (_subject, seen) =>
          ack(seen, position, done),
    ),
    fc.constant<Step>((_subject, seen) => decideFinish(seen)),
    fc.nat(3).map<Step>((attempt) => (_, seen) => decideFailDelivery({ ...seen, attempt }, 1_000)),
    fc.constant<Step>(({ state }) => {
      const { subscription } = state;
      const current = subscription?.kind === 'live' ? subscription.wake : undefined;
      return current === undefined ? undefined : decideRetry(current, 'p2');
    }),
    fc.constant<Step>(({ state }) => {
      const { subscription } = state;
      const current = subscription?.kind === 'live' ? subscription.wake : undefined;
      return current === undefined ? undefined : decideExpireLease(current, 'p2');
    }),
  ),
});

test('over any history: generations grow, acks do not go back, old wakes change nothing', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), (history) => {
      const subject = new Subject();
      const names = [{ generation: 0, wakeId: 'none' }];
      const used = new Set<number>();
      for (const { step, age } of history) {
        const before = speculate(subject.state).subscription;
        const seen = names.at(-1 - age) ?? names[0] ?? { generation: 0, wakeId: '' };
        const decision = step(subject, seen);
        if (decision === undefined) continue;
        subject.ask(decision);
        const after = subject.state.subscription;
        expect(after?.generation ?? 0).toBeGreaterThanOrEqual(before?.generation ?? 0);
        if (after?.kind !== 'live' || before?.kind !== 'live') continue;
        for (const [path, { position }] of before.links) {
          expect(after.links.get(path)?.position).toBeGreaterThanOrEqual(position);
          expect(after.links.get(path)?.position).toBeLessThanOrEqual(6);
        }
        const isNew = after.wake !== undefined && after.wake.wakeId !== before.wake?.wakeId;
        if (!isNew || after.wake === undefined) continue;
        expect(used.has(after.wake.generation)).toBe(false);
        used.add(after.wake.generation);
        names.push({ generation: after.wake.generation, wakeId: after.wake.wakeId });
      }
    }),
  );
});

describe('a subscription with as many streams as it may have', () => {
  const max = limits.subscriptionStreamsMax;
  const linkOf = (index: number) => ({
    path: `events/${index}`,
    isExplicit: false,
    incarnation: 'i',
    position: 0,
  });

  /** Every fact that is decided stands: what does not would be written again without an end. */
  function full(): Subject {
    const subject = new Subject();
    const links = Array.from({ length: max }, (_, index) => linkOf(index));
    const request = { config: webhook, configHash: 'h', links, by: 'p' };
    expect(subject.ask(decideSubscribe(request))).toMatchObject({ kind: 'created' });
    return subject;
  }

  const pending = (index: number) => ({ ...linkOf(index), acked: 0, tail: 1 });

  test('is not woken for one that its pattern takes beyond them, and still for its own', () => {
    const subject = full();
    const wake = (...streams: number[]) =>
      subject.ask(decideWake({ wakeId: 'w', by: 'p', streams: streams.map(pending) }));
    expect(wake(max)).toEqual({ kind: 'moved-on' });
    expect(wake(max, 1)).toEqual({ kind: 'done' });
    expect(subject.live.wake?.streams.map(({ path }) => path)).toEqual(['events/1']);
  });

  test('refuses to link another, and none is made with more', () => {
    const refused = { kind: 'refused', code: 'too-many-streams' };
    const subject = full();
    expect(subject.ask(decideLink([{ ...linkOf(max), isExplicit: true }]))).toEqual(refused);
    expect(subject.ask(decideLink([{ ...linkOf(1), isExplicit: true }]))).toEqual({ kind: 'done' });
    const links = Array.from({ length: max + 1 }, (_, index) => linkOf(index));
    const request = { config: webhook, configHash: 'h', links, by: 'p' };
    expect(new Subject().ask(decideSubscribe(request))).toEqual(refused);
  });
});

test('acks of one request that go back behind one another are refused, forward ones are taken', () => {
  const subject = new Subject();
  const link = { path: 'events/a', isExplicit: true, incarnation: 'i', position: 0 };
  const request = { config: pull, configHash: 'h', links: [link], by: 'p' };
  subject.ask(decideSubscribe(request));
  const streams = [{ path: 'events/a', incarnation: 'i', acked: 0, tail: 9 }];
  subject.ask(decideClaim({ wakeId: 'w', by: 'p', worker: 'one', streams }));
  const ack = (...positions: number[]): SubscriptionAnswer => {
    const acks = positions.map((position) => {
      return { path: 'events/a', incarnation: 'i', position, tail: 9 };
    });
    const name = { generation: 1, wakeId: 'w' };
    return subject.ask(decideAck({ kind: 'pull-wake', acks, done: false, ...name }));
  };
  expect(ack(5, 3)).toEqual({ kind: 'refused', code: 'invalid-offset' });
  expect(ack(2, 5)).toEqual({ kind: 'done' });
  expect(subject.live.links.get('events/a')?.position).toBe(5);
});

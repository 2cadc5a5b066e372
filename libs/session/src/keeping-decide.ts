// What is asked of what a session keeps, decided on its state.

import { limits, Problem } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import { doneBehind } from './audit.ts';
import type { FactDecision } from './commands.ts';
import { liveStream } from './decision.ts';
import { type Head, isRedacted, obstacleOf, type RetentionPolicy } from './keeping.ts';
import { type Actor, evolveSessionFact, type SessionFact } from './session-facts.ts';
import type { StreamState } from './state.ts';

type Outcome = ReturnType<FactDecision>;

export const heldProblem = (): Problem =>
  new Problem('session-held', 'the session is held: nothing of it goes until it is released');

const refuse = (problem: Problem): Outcome => ({ kind: 'refused', problem });
const done: Outcome = { kind: 'answer', answer: false };

/** `answer` tells whether anything changed. */
function say(stream: StreamState, fact: SessionFact): Outcome {
  if (evolveSessionFact(stream, { ...fact }, { timeMs: 0 }) === undefined) return done;
  const drafts = [{ kind: 'fact', value: bytesOf(JSON.stringify(fact)) }] as const;
  return { kind: 'records', drafts, answer: true };
}

const onStream =
  (decide: (stream: StreamState) => Outcome): FactDecision =>
  (state) => {
    const stream = liveStream(state);
    return stream instanceof Problem ? refuse(stream) : decide(stream);
  };

/** Nothing where the head is there already. */
export const decideTrim = (head: Head, actor: Actor): FactDecision =>
  onStream((stream) => {
    const obstacle = obstacleOf(stream);
    if (obstacle === 'held') return refuse(heldProblem());
    if (head.seq > stream.tailSeq) {
      return refuse(new Problem('invalid-request', 'beyond the end of the session'));
    }
    if (head.seq <= stream.aspects.keeping.head.seq) return done;
    if (obstacle === 'forked') {
      return refuse(new Problem('invalid-request', 'forks read from it: delete them first'));
    }
    return say(stream, { type: 'trimmed', ...head, ...actor });
  });

export const decideRedact = (seq: number, actor: Actor): FactDecision =>
  onStream((stream) => {
    const { keeping } = stream.aspects;
    if (keeping.hold !== undefined) return refuse(heldProblem());
    if (!stream.isJson) {
      return refuse(new Problem('content-type-mismatch', 'only events of JSON are redacted'));
    }
    if (isRedacted(keeping, seq)) return done;
    if (seq >= stream.tailSeq || seq < keeping.head.seq) {
      return refuse(new Problem('not-found', 'the session has no such event'));
    }
    if (seq < (stream.origin?.seq ?? 0)) {
      return refuse(new Problem('invalid-request', 'the event is of the session’s source'));
    }
    if (keeping.redacted.length >= limits.redactionsMax) {
      const facts = { limit: 'redactionsMax', limitBytes: limits.redactionsMax };
      return refuse(new Problem('too-large', 'too many events are redacted', { facts }));
    }
    return say(stream, { type: 'redacted', seq, ...actor });
  });

export const decideHold = (reason: string, actor: Actor): FactDecision =>
  onStream((stream) => {
    if (doneBehind(stream.aspects.audit, { act: 'held', ...actor }) !== undefined) return done;
    return say(stream, { type: 'held', reason, ...actor });
  });

export const decideReleaseHold = (actor: Actor): FactDecision =>
  onStream((stream) => say(stream, { type: 'released', ...actor }));

/** Null: as the tenant has it. */
export const decideRetain = (policy: RetentionPolicy | null, actor: Actor): FactDecision =>
  onStream((stream) => say(stream, { type: 'retained', policy, ...actor }));

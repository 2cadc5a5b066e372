// What is asked of a session besides appends, decided on its state: facts to write, the events that tell
// of them, or a Problem.

import { limits, Problem } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import { type AuditEntry, doneBehind } from './audit.ts';
import type { TokenEntry } from './client-tokens.ts';
import type { FactDecision } from './commands.ts';
import { Chain, liveStream } from './decision.ts';
import { factOf } from './durable-facts.ts';
import { type EventStamp, stampedBody } from './event-identity.ts';
import { heldProblem } from './keeping-decide.ts';
import { type LifecycleAct, lifecycleWord, possibleActs } from './lifecycle.ts';
import { type ProfilePatch, patchProfile } from './profile.ts';
import type { Draft } from './record.ts';
import { type Actor, evolveSessionFact, type SessionFact } from './session-facts.ts';
import { shareOf } from './shares.ts';
import type { SessionState, StreamState } from './state.ts';

type Outcome = ReturnType<FactDecision>;
type Context = Parameters<FactDecision>[1];

/** An event of ours that tells of a fact: its members but for id and time. */
interface Told {
  readonly type: string;
  readonly [member: string]: unknown;
}

const plainStamp: EventStamp = { id: undefined, processedAt: undefined, namesOutcome: false };

const done: Outcome = { kind: 'answer', answer: undefined };

const refuse = (problem: Problem): Outcome => ({ kind: 'refused', problem });

/** What is decided on the state as it is, then the events that tell of it, then the close. */
function write(
  state: SessionState,
  stream: StreamState,
  {
    events = [],
    close = false,
    facts,
    context,
  }: {
    readonly events?: readonly Told[];
    readonly close?: boolean;
    readonly facts: readonly SessionFact[];
    readonly context: Context;
  },
): Outcome {
  const timeMs = Chain.timeOf(state, context);
  const drafts: Draft[] = facts.map((fact) => ({
    kind: 'fact',
    value: bytesOf(JSON.stringify(fact)),
  }));
  for (const [index, event] of events.entries()) {
    const seq = stream.tailSeq + index;
    const rest = bytesOf(`,${JSON.stringify(event).slice(1)}`);
    const value = stampedBody(plainStamp, rest, { stream, seq, timeMs });
    const count = index === 0 ? events.length : undefined;
    drafts.push({ kind: 'event', value, seq, count, type: event.type });
  }
  if (close) drafts.push({ kind: 'close' });
  return { kind: 'records', drafts, answer: undefined };
}

const onStream =
  (decide: (stream: StreamState, state: SessionState, context: Context) => Outcome): FactDecision =>
  (state, context) => {
    const stream = liveStream(state);
    return stream instanceof Problem ? refuse(stream) : decide(stream, state, context);
  };

const archived = (): Problem => new Problem('session-archived', 'archived: it is only read now');

/** What an act is told by, on the session's own stream. */
function tellingOf(act: LifecycleAct, { by }: Actor): readonly Told[] {
  switch (act) {
    case 'start':
      return [{ type: 'session.status_running' }];
    case 'pause':
      return [{ type: 'session.paused', by }];
    case 'resume':
      return [{ type: 'session.resumed', by }];
    case 'end':
    case 'archive':
      return [{ type: 'session.status_terminated' }];
  }
}

export const decideAct = (act: LifecycleAct, actor: Actor): FactDecision =>
  onStream((stream, state, context) => {
    const { aspects, isClosed } = stream;
    if (doneBehind(aspects.audit, { act, ...actor }) !== undefined) return done;
    const word = lifecycleWord(aspects, isClosed);
    const possible = possibleActs(word, aspects);
    if (act === 'archive' && word === 'archived') return done;
    if (act === 'archive' && word !== 'closed' && isRunning(stream)) return refuse(running(act));
    if (!possible.includes(act)) {
      const may = possible.length === 0 ? 'nothing' : possible.join(', ');
      const detail = `a session that is ${word} cannot ${act}: possible is ${may}`;
      return refuse(
        new Problem('transition-refused', detail, { facts: { state: word, possible } }),
      );
    }
    const fact: SessionFact = { type: 'acted', act, ...actor };
    // Nothing can be told behind a close.
    const isTold = !isClosed;
    const close = isTold && (act === 'end' || act === 'archive');
    const events = isTold ? tellingOf(act, actor) : [];
    return write(state, stream, { events, close, facts: [fact], context });
  });

const isRunning = ({ aspects }: StreamState): boolean => {
  const { status } = aspects.activity;
  return status === 'running' || status === 'rescheduling';
};

const running = (act: string): Problem =>
  new Problem(
    'session-running',
    `a session that runs cannot be ${act}d: interrupt or end it first`,
  );

/** A session goes with its events, but not while it runs. */
export const decideDeleteSession: FactDecision = onStream((stream) => {
  if (stream.aspects.keeping.hold !== undefined) return refuse(heldProblem());
  if (isRunning(stream) && !stream.isClosed) return refuse(running('delete'));
  return { kind: 'records', drafts: [{ kind: 'delete' }], answer: undefined };
});

export const decideUpdate = (
  patch: ProfilePatch,
  told: Readonly<Record<string, unknown>>,
  actor: Actor,
): FactDecision =>
  onStream((stream, state, context) => {
    const { aspects, isClosed } = stream;
    if (doneBehind(aspects.audit, { act: 'updated', ...actor }) !== undefined) return done;
    if (aspects.lifecycle.archivedAtMs !== undefined) return refuse(archived());
    const refusal = updateRefusal(stream, patch);
    if (refusal !== undefined) return refuse(refusal);
    const facts: SessionFact[] = [{ type: 'updated', patch, ...actor }];
    const events = isClosed ? [] : [{ type: 'session.updated', ...told }];
    return write(state, stream, { events, facts, context });
  });

function updateRefusal({ aspects }: StreamState, patch: ProfilePatch): Problem | undefined {
  const { profile, activity } = aspects;
  if (patch.agent !== undefined && activity.status === 'running') {
    return new Problem('invalid-request', 'the agent of a running session cannot be changed');
  }
  const next = patchProfile(profile, patch, undefined);
  if (next !== undefined) return undefined;
  const facts = { limit: 'profileBytesMax', limitBytes: limits.profileBytesMax };
  return new Problem('too-large', 'what a session is made with is bounded', { facts });
}

/** The version that a fact was put with before these acts. */
const versionBefore = ({ aspects }: StreamState, behind: readonly AuditEntry[]): number =>
  aspects.facts.changes - behind.filter(({ act }) => /^fact-(put|deleted) /.test(act)).length;

/** Puts a fact where it has the version that was seen; 0 stands for a fact that is not there. */
export const decidePutFact = (
  { key, value, version }: { key: string; value: string; version: number | undefined },
  actor: Actor,
): FactDecision =>
  onStream((stream, state, context) => {
    const behind = doneBehind(stream.aspects.audit, { act: `fact-put ${key}`, ...actor });
    if (behind !== undefined) return { kind: 'answer', answer: versionBefore(stream, behind) };
    if (stream.aspects.lifecycle.archivedAtMs !== undefined) return refuse(archived());
    const conflict = versionConflict(stream, key, version);
    if (conflict !== undefined) return refuse(conflict);
    const fact: SessionFact = { type: 'fact-put', key, value, ...actor };
    if (evolveSessionFact(stream, { ...fact }, { timeMs: 0 }) === undefined) {
      const facts = { limit: 'factsBytesMax', limitBytes: limits.factsBytesMax };
      return refuse(new Problem('too-large', 'facts are small, and bounded in all', { facts }));
    }
    const outcome = write(state, stream, { facts: [fact], context });
    return { ...outcome, answer: stream.aspects.facts.changes + 1 };
  });

export const decideDeleteFact = (
  { key, version }: { key: string; version: number | undefined },
  actor: Actor,
): FactDecision =>
  onStream((stream, state, context) => {
    const acting = { act: `fact-deleted ${key}`, ...actor };
    if (doneBehind(stream.aspects.audit, acting) !== undefined) return done;
    if (stream.aspects.lifecycle.archivedAtMs !== undefined) return refuse(archived());
    const conflict = versionConflict(stream, key, version);
    if (conflict !== undefined) return refuse(conflict);
    if (factOf(stream.aspects.facts, key) === undefined) {
      return refuse(new Problem('fact-not-found', 'the session has no such fact'));
    }
    const fact: SessionFact = { type: 'fact-deleted', key, ...actor };
    return write(state, stream, { facts: [fact], context });
  });

function versionConflict(
  { aspects }: StreamState,
  key: string,
  version: number | undefined,
): Problem | undefined {
  const known = factOf(aspects.facts, key)?.version ?? 0;
  if (version === undefined || version === known) return undefined;
  return new Problem('fact-conflict', 'the fact was put by somebody else', {
    facts: { version: known },
  });
}

export const decideArchiveThread = (thread: string, actor: Actor): FactDecision =>
  onStream((stream, state, context) => {
    const known = stream.aspects.activity.threads.find(({ id }) => id === thread);
    if (known === undefined) return refuse(new Problem('not-found', 'no such thread'));
    if (known.archivedAtMs !== undefined) return { kind: 'answer', answer: undefined };
    const fact: SessionFact = { type: 'thread-archived', thread, ...actor };
    return write(state, stream, { facts: [fact], context });
  });

export const decideAddToken = (token: TokenEntry, actor: Actor): FactDecision =>
  onStream((stream, state, context) => {
    if (token.share !== undefined && shareOf(stream, token.share) === undefined) {
      const detail = 'a share is of a session of JSON, and begins at its end or before';
      return refuse(new Problem('invalid-request', detail));
    }
    const fact: SessionFact = { type: 'token-added', token, ...actor };
    const timeMs = Chain.timeOf(state, context);
    if (evolveSessionFact(stream, { ...fact }, { timeMs }) !== undefined) {
      return write(state, stream, { facts: [fact], context });
    }
    const facts = { limit: 'clientTokensMax', limitBytes: limits.clientTokensMax };
    return refuse(new Problem('too-large', 'too many client tokens are good', { facts }));
  });

export const decideRevokeToken = (id: string, actor: Actor): FactDecision =>
  onStream((stream, state, context) =>
    stream.aspects.tokens.some((token) => token.id === id)
      ? write(state, stream, { facts: [{ type: 'token-revoked', id, ...actor }], context })
      : refuse(new Problem('not-found', 'the session has no such token')),
  );

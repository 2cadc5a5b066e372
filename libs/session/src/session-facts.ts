// What is said of a session besides its events, one JSON object a record of kind `fact`, told apart by
// `type`. Each names who said it.
//
// acted           act by requestId
// updated         patch by requestId
// fact-put        key value by requestId              value: JSON text
// fact-deleted    key by requestId
// thread-archived thread by requestId
// token-added     token by requestId
// token-revoked   id by requestId
// turn-claimed    turn generation worker leaseMs by requestId
// turn-renewed    turn generation by requestId, endSeq?
// turn-ended      turn generation reason by requestId, result? error?
// destination-put      destination afterSeq by requestId
// destination-removed  id by requestId
// outbox-claimed       holder generation by requestId
// delivery-told        destination generation seq eventId status by requestId, code? error? nextAtMs? cursorSeq?
// deliveries-passed    destination generation cursorSeq by requestId
// redelivery-asked     destination seq eventId by requestId
// trimmed         seq position by requestId       what is kept begins there
// redacted        seq by requestId
// held            reason by requestId
// released        by requestId
// retained        policy by requestId             null: as the tenant has it
//
// Stored. Never rename.

import { type Aspects, noAspects } from './aspects.ts';
import { audited } from './audit.ts';
import { addToken, isTokenEntry, revokeToken, type TokenEntry } from './client-tokens.ts';
import { deleteFact, type Facts, factsFrom, putFact } from './durable-facts.ts';
import {
  type Head,
  headShape,
  held,
  holdShape,
  isPolicyOrNone,
  type Keeping,
  type RetentionPolicy,
  redacted,
  released,
  retained,
  trimmed,
} from './keeping.ts';
import {
  acted,
  type LifecycleAct,
  lifecycleActs,
  lifecycleWord,
  possibleActs,
} from './lifecycle.ts';
import { evolveOutbox, isOutboxAct, type OutboxFact, outboxShapes } from './outbox.ts';
import { type ProfilePatch, patchOf, patchProfile } from './profile.ts';
import type { SessionRecord } from './record.ts';
import { type Check, type Fields, isCount, isText, shaped } from './shapes.ts';
import type { StreamState } from './state.ts';
import { evolveTurnFact, type TurnFact, turnShapes } from './turns.ts';

/** Who asks, and by which request. */
export interface Actor {
  readonly by: string;
  readonly requestId: string;
}

export type SessionFact = Actor &
  (
    | { readonly type: 'acted'; readonly act: LifecycleAct }
    | { readonly type: 'updated'; readonly patch: ProfilePatch }
    | { readonly type: 'fact-put'; readonly key: string; readonly value: string }
    | { readonly type: 'fact-deleted'; readonly key: string }
    | { readonly type: 'thread-archived'; readonly thread: string }
    | { readonly type: 'token-added'; readonly token: TokenEntry }
    | { readonly type: 'token-revoked'; readonly id: string }
    | TurnFact
    | OutboxFact
    | ({ readonly type: 'trimmed' } & Head)
    | { readonly type: 'redacted'; readonly seq: number }
    | { readonly type: 'held'; readonly reason: string }
    | { readonly type: 'released' }
    | { readonly type: 'retained'; readonly policy: RetentionPolicy | null }
  );

const both =
  (one: Check, other: Check): Check =>
  (value) =>
    one(value) && other(value);
const isAct: Check = (value) => lifecycleActs.includes(value as LifecycleAct);
const byWhom = { by: isText, requestId: isText };

const byWhomAlso = <T extends Readonly<Record<string, Check>>>(parts: T): T =>
  Object.fromEntries(
    Object.entries(parts).map(([type, check]) => [type, both(check, shaped(byWhom))]),
  ) as T;

const shapes: Readonly<Record<SessionFact['type'], Check>> = {
  acted: shaped({ act: isAct, ...byWhom }),
  updated: shaped({ patch: (value) => patchOf(value) !== undefined, ...byWhom }),
  'fact-put': shaped({ key: isText, value: isText, ...byWhom }),
  'fact-deleted': shaped({ key: isText, ...byWhom }),
  'thread-archived': shaped({ thread: isText, ...byWhom }),
  'token-added': shaped({ token: isTokenEntry, ...byWhom }),
  'token-revoked': shaped({ id: isText, ...byWhom }),
  ...byWhomAlso(turnShapes),
  ...byWhomAlso(outboxShapes),
  trimmed: shaped({ ...headShape, ...byWhom }),
  redacted: shaped({ seq: isCount, ...byWhom }),
  held: shaped({ ...holdShape, ...byWhom }),
  released: shaped(byWhom),
  retained: shaped({ policy: isPolicyOrNone, ...byWhom }),
};

function factIn(facts: Fields): SessionFact | undefined {
  const { type } = facts;
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) return undefined;
  return shapes[type as SessionFact['type']](facts) ? (facts as unknown as SessionFact) : undefined;
}

/** Undefined where the fact cannot be said of this stream: the record is then void. */
export function evolveSessionFact(
  stream: StreamState,
  facts: Fields,
  { timeMs }: Pick<SessionRecord, 'timeMs'>,
): Aspects | undefined {
  const fact = factIn(facts);
  if (fact === undefined) return undefined;
  const next = changed(stream, fact, timeMs);
  if (next === undefined) return undefined;
  if (isOfRun(fact)) return next;
  const { by, requestId } = fact;
  return { ...next, audit: audited(next.audit, { act: nameOf(fact), by, requestId, timeMs }) };
}

/** What workers and relays say, many times a turn, is no act that anybody has to account for. */
const isOfRun = ({ type }: SessionFact): boolean =>
  Object.hasOwn(turnShapes, type) || (Object.hasOwn(outboxShapes, type) && !isOutboxAct(type));

const nameOf = (fact: SessionFact): string => {
  if (fact.type === 'acted') return fact.act;
  if (fact.type === 'redacted' || fact.type === 'trimmed') return `${fact.type} ${fact.seq}`;
  return 'key' in fact ? `${fact.type} ${fact.key}` : fact.type;
};

function changed(stream: StreamState, fact: SessionFact, timeMs: number): Aspects | undefined {
  const { aspects, isClosed, tailSeq } = stream;
  switch (fact.type) {
    case 'acted': {
      const word = lifecycleWord(aspects, isClosed);
      if (!possibleActs(word, aspects).includes(fact.act)) return undefined;
      return { ...aspects, lifecycle: acted(aspects.lifecycle, fact.act, timeMs) };
    }
    case 'updated': {
      const profile = patchProfile(aspects.profile, fact.patch, timeMs);
      return profile && { ...aspects, profile };
    }
    case 'fact-put': {
      const next = putFact(aspects.facts, fact, { timeMs, seq: tailSeq });
      return next && withFacts(aspects, next);
    }
    case 'fact-deleted': {
      const next = deleteFact(aspects.facts, fact.key, { timeMs, seq: tailSeq });
      return next && withFacts(aspects, next);
    }
    case 'thread-archived':
      return threadArchived(aspects, fact.thread, timeMs);
    case 'token-added': {
      const tokens = addToken(aspects.tokens, fact.token, timeMs);
      return tokens && { ...aspects, tokens };
    }
    case 'token-revoked': {
      const tokens = revokeToken(aspects.tokens, fact.id);
      return tokens && { ...aspects, tokens };
    }
    case 'turn-claimed':
    case 'turn-renewed':
    case 'turn-ended': {
      if (aspects.profile.run === undefined) return undefined;
      const turns = evolveTurnFact(aspects.turns, fact, timeMs);
      return turns && { ...aspects, turns };
    }
    case 'destination-put':
    case 'destination-removed':
    case 'outbox-claimed':
    case 'delivery-told':
    case 'deliveries-passed':
    case 'redelivery-asked': {
      const outbox = evolveOutbox(aspects.outbox, fact, { timeMs, tailSeq });
      return outbox && { ...aspects, outbox };
    }
    case 'trimmed':
    case 'redacted':
    case 'held':
    case 'released':
    case 'retained': {
      const keeping = kept(stream, fact, timeMs);
      return keeping && withFacts({ ...aspects, keeping }, aspects.facts);
    }
  }
}

/** With no more of their past than what stood at events that are kept. */
const withFacts = (aspects: Aspects, facts: Facts): Aspects => ({
  ...aspects,
  facts: factsFrom(facts, aspects.keeping.head.seq),
});

type KeepingFact = Extract<
  SessionFact,
  { type: 'trimmed' | 'redacted' | 'held' | 'released' | 'retained' }
>;

function kept(stream: StreamState, fact: KeepingFact, timeMs: number): Keeping | undefined {
  const { keeping } = stream.aspects;
  switch (fact.type) {
    case 'trimmed':
      return trimmed(stream, fact);
    case 'redacted':
      return redacted(stream, fact.seq, timeMs);
    case 'held':
      return held(keeping, { by: fact.by, reason: fact.reason, timeMs });
    case 'released':
      return released(keeping);
    case 'retained':
      return retained(keeping, fact.policy);
  }
}

function threadArchived(aspects: Aspects, id: string, timeMs: number): Aspects | undefined {
  const { activity } = aspects;
  const isOpen = activity.threads.some(
    (thread) => thread.id === id && thread.archivedAtMs === undefined,
  );
  if (!isOpen) return undefined;
  const threads = activity.threads.map((thread) =>
    thread.id === id ? { ...thread, archivedAtMs: timeMs, updatedAtMs: timeMs } : thread,
  );
  return { ...aspects, activity: { ...activity, threads } };
}

/** What a session is made with; nothing where it is a raw stream. */
export function aspectsFrom(patch: ProfilePatch | undefined): Aspects | undefined {
  if (patch === undefined) return noAspects;
  const profile = patchProfile(noAspects.profile, patch, undefined);
  return profile && { ...noAspects, profile };
}

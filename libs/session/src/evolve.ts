// The fold. A record belongs to its session if and only if, when the log reaches it, its rev is next
// and its prev is the id of the session's last valid record (and it says something that can be said
// of that state at all). Any other record is void, for everybody, for ever.
//
// absent -> live     create
// live   -> live     event, close, repeat, touch, ref, unref, fact, preview
// live   -> absent   delete, expire   (nobody's source)
// live   -> gone     delete, expire   (forks still read from it)
// gone   -> absent   unref            (of the last fork)
// any    -> same     burn, settle, fact, genesis, level

import { limits } from '@tidemark/protocol';
import type { Aspects } from './aspects.ts';
import { decodeConfig, factsOf } from './config.ts';
import { evolveDirectory, isDirectorySession } from './directory.ts';
import { changeState, eventsOf, evolveEvents, rememberAppend } from './evolve-events.ts';
import { type DecidedRecord, isKnownKind, type RecordRun, type SessionRecord } from './record.ts';
import { aspectsFrom, evolveSessionFact } from './session-facts.ts';
import { beginStream, type OwedUnref, type SessionState } from './state.ts';
import { evolveSubscription, subscriptionPrefix } from './subscription.ts';

/** What the record adds to the state, prepared; undefined where it cannot be said of this state. */
type Effect = ((state: SessionState) => void) | undefined;

export const isNext = (state: SessionState, record: Pick<SessionRecord, 'rev' | 'prev'>): boolean =>
  record.rev === state.rev && record.prev === state.lastId;

/**
 * Folds a record into the state, or a run of them, which is as if each were folded. Returns whether it is valid; a
 * void record changes nothing, and of a run all records are valid or none.
 */
export function evolve(state: SessionState, record: DecidedRecord): boolean {
  if (!isNext(state, record)) return false;
  if (record.kind === 'run') return evolveRun(state, record);
  if (record.id === '') return false;
  if (record.kind === 'event') {
    if (!evolveEvents(state, eventsOf(record), record.count)) return false;
  } else {
    if (!isKnownKind(record.kind)) return false;
    const effect = effectOf(state, record);
    if (effect === undefined) return false;
    effect(state);
  }
  passed(state, { count: 1, lastId: record.id, timeMs: record.timeMs });
  return true;
}

function evolveRun(state: SessionState, run: RecordRun): boolean {
  const { lastId, timeMs, values } = run;
  const count = values.length;
  if (lastId === '' || !evolveEvents(state, run, count)) return false;
  passed(state, { count, lastId, timeMs });
  return true;
}

function passed(
  state: SessionState,
  { count, lastId, timeMs }: { count: number; lastId: string; timeMs: number },
): void {
  state.rev += count;
  state.lastId = lastId;
  if (timeMs > state.lastTimeMs) state.lastTimeMs = timeMs;
}

function effectOf(state: SessionState, record: SessionRecord): Effect {
  switch (record.kind) {
    case 'create':
      return createEffect(state, record);
    case 'close':
      return closeEffect(state, record);
    case 'repeat':
      return repeatEffect(state, record);
    case 'delete':
    case 'expire':
      return state.life === 'live' && !isHeld(state) ? endLife : undefined;
    case 'touch':
      return touchEffect(state, record);
    case 'ref':
      return refEffect(state, record);
    case 'unref':
      return unrefEffect(state, record);
    case 'burn':
      return burnEffect(record);
    case 'settle':
      return settleEffect(record);
    case 'fact':
      return factEffect(state, record);
    case 'genesis':
    case 'level':
      return () => undefined;
    case 'preview':
      return state.life === 'live' && state.stream?.isClosed === false
        ? () => undefined
        : undefined;
    case 'event':
      return undefined;
    default:
      return undefined;
  }
}

function createEffect(state: SessionState, record: SessionRecord): Effect {
  const config = state.life === 'absent' ? decodeConfig(record.value) : undefined;
  if (config === undefined || state.burned.includes(config.incarnation)) return undefined;
  if (config.origin !== undefined && !mayOwe(state)) return undefined;
  const aspects = aspectsFrom(config.profile);
  if (aspects === undefined) return undefined;
  return (target) => {
    target.life = 'live';
    target.stream = beginStream(target, config, { timeMs: record.timeMs, aspects });
  };
}

function closeEffect(state: SessionState, record: SessionRecord): Effect {
  const { stream } = state;
  if (stream === undefined || state.life !== 'live' || stream.isClosed) return undefined;
  return () => {
    if (record.count !== undefined) rememberAppend(stream, record, record.count);
    stream.isClosed = true;
    stream.closedBy = record.producer;
    changeState(stream, record.timeMs);
    stream.touchedAtMs = Math.max(stream.touchedAtMs, record.timeMs);
  };
}

function repeatEffect(state: SessionState, record: SessionRecord): Effect {
  const { stream } = state;
  if (stream === undefined || state.life !== 'live' || stream.isClosed) return undefined;
  return () => {
    rememberAppend(stream, record, record.count ?? 0);
    stream.touchedAtMs = Math.max(stream.touchedAtMs, record.timeMs);
  };
}

/** Nothing goes while it is held. */
const isHeld = ({ stream }: SessionState): boolean => stream?.aspects.keeping.hold !== undefined;

/** A source whose forks live on keeps its data; anything else is forgotten but for rev and last id. */
function endLife(state: SessionState): void {
  if (state.stream !== undefined && state.stream.refs.size > 0) state.life = 'gone';
  else purge(state);
}

function purge(state: SessionState): void {
  const { stream } = state;
  if (stream?.origin !== undefined) {
    const { source, incarnation: sourceIncarnation } = stream.origin;
    const owed = { source, sourceIncarnation, forkIncarnation: stream.incarnation };
    state.owed = [...state.owed, owed];
  }
  state.life = 'absent';
  state.stream = undefined;
}

function touchEffect(state: SessionState, record: SessionRecord): Effect {
  const { stream } = state;
  if (stream === undefined || state.life !== 'live') return undefined;
  return () => {
    stream.touchedAtMs = Math.max(stream.touchedAtMs, record.timeMs);
  };
}

const textIn = (facts: Readonly<Record<string, unknown>>, name: string): string => {
  const value = facts[name];
  return typeof value === 'string' ? value : '';
};

/** Empty where there is none, or nothing that a create can have drawn. */
function incarnationIn(facts: Readonly<Record<string, unknown>>): string {
  const incarnation = textIn(facts, 'forkIncarnation');
  return incarnation.length <= limits.tokenBytesMax ? incarnation : '';
}

/** A fork will owe its source a reference: where too many are owed, its name waits for its debts. */
export function mayOwe({ owed, stream }: SessionState): boolean {
  const isInTheWay = stream?.origin !== undefined;
  return owed.length + (isInTheWay ? 1 : 0) < limits.forkDebtsMax;
}

function refEffect(state: SessionState, record: SessionRecord): Effect {
  const { stream } = state;
  const facts = factsOf(record.value);
  if (stream === undefined || state.life !== 'live' || facts === undefined) return undefined;
  const [incarnation, fork] = [incarnationIn(facts), textIn(facts, 'fork')];
  if (incarnation === '' || !stream.refs.hasRoomFor(fork)) return undefined;
  return () => {
    stream.refs.set(incarnation, { fork, timeMs: record.timeMs });
  };
}

function unrefEffect(state: SessionState, record: SessionRecord): Effect {
  const { stream } = state;
  const facts = factsOf(record.value);
  const incarnation = facts === undefined ? '' : incarnationIn(facts);
  if (stream?.refs.has(incarnation) !== true) return undefined;
  return (target) => {
    stream.refs.delete(incarnation);
    if (target.life === 'gone' && stream.refs.size === 0) purge(target);
  };
}

function burnEffect(record: SessionRecord): Effect {
  const facts = factsOf(record.value);
  const incarnation = facts === undefined ? '' : incarnationIn(facts);
  if (incarnation === '') return undefined;
  return (state) => {
    state.burned = [...state.burned, incarnation].slice(-limits.forksBurnedMax);
  };
}

export const isSameDebt = (one: OwedUnref, other: OwedUnref): boolean =>
  one.source === other.source && one.forkIncarnation === other.forkIncarnation;

function settleEffect(record: SessionRecord): Effect {
  const facts = factsOf(record.value);
  if (facts === undefined) return undefined;
  const source = textIn(facts, 'source');
  const forkIncarnation = textIn(facts, 'forkIncarnation');
  const paid = { source, forkIncarnation, sourceIncarnation: '' };
  return (state) => {
    state.owed = state.owed.filter((owed) => !isSameDebt(owed, paid));
  };
}

function factEffect(state: SessionState, record: SessionRecord): Effect {
  const isSubscription = state.name.startsWith(subscriptionPrefix);
  const isReserved = isSubscription || isDirectorySession(state);
  const { stream } = state;
  if (!isReserved && (stream === undefined || state.life !== 'live')) return undefined;
  const facts = factsOf(record.value);
  if (facts === undefined) return undefined;
  if (!isReserved) {
    const aspects = stream && evolveSessionFact(stream, facts, record);
    return aspects && ((target) => setAspects(target, aspects, record.timeMs));
  }
  if (isSubscription) {
    const subscription = evolveSubscription(state.subscription, facts, record);
    return subscription && ((target) => Object.assign(target, { subscription }));
  }
  const entry = evolveDirectory(state, facts);
  return entry && ((target) => Object.assign(target, { entry }));
}

function setAspects({ stream }: SessionState, aspects: Aspects, timeMs: number): void {
  if (stream === undefined) return;
  if (stream.aspects.lifecycle !== aspects.lifecycle) changeState(stream, timeMs);
  stream.aspects = aspects;
}

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
import { evolveActivity, isOtherState, isTelling } from './activity.ts';
import type { Aspects } from './aspects.ts';
import { decodeConfig, factsOf } from './config.ts';
import { countEvent, countReported } from './daily-usage.ts';
import { evolveDirectory, isDirectorySession } from './directory.ts';
import { eventIdAt } from './event-identity.ts';
import { noteIn } from './event-notes.ts';
import { countTime } from './event-times.ts';
import { isKnownKind, type SessionRecord } from './record.ts';
import { aspectsFrom, evolveSessionFact } from './session-facts.ts';
import { beginStream, type OwedUnref, type SessionState, type StreamState } from './state.ts';
import { evolveSubscription, subscriptionPrefix } from './subscription.ts';
import { evolveTurnEvent, isOfTurns } from './turns.ts';
import type { WindowBounds } from './window.ts';

const producerBounds: WindowBounds = {
  entriesMin: limits.producersMin,
  entriesMax: limits.producersMax,
  windowMs: limits.producerWindowMs,
  bytesMax: limits.producerIdsBytesMax,
};
const dedupeBounds: WindowBounds = {
  entriesMin: limits.dedupeEntriesMin,
  entriesMax: limits.dedupeEntriesMax,
  windowMs: limits.dedupeWindowMs,
  bytesMax: limits.dedupeBytesMax,
};

/** What the record adds to the state, prepared; undefined where it cannot be said of this state. */
type Effect = ((state: SessionState) => void) | undefined;

export const isNext = (state: SessionState, record: SessionRecord): boolean =>
  record.rev === state.rev && record.prev === state.lastId;

/** Folds one record into the state. Returns whether it is valid; a void record changes nothing. */
export function evolve(state: SessionState, record: SessionRecord): boolean {
  if (!isNext(state, record) || record.id === '') return false;
  if (record.kind === 'event') {
    if (!evolveEvent(state, record)) return false;
  } else {
    if (!isKnownKind(record.kind)) return false;
    const effect = effectOf(state, record);
    if (effect === undefined) return false;
    effect(state);
  }
  state.rev += 1;
  state.lastId = record.id;
  if (record.timeMs > state.lastTimeMs) state.lastTimeMs = record.timeMs;
  return true;
}

function evolveEvent(state: SessionState, record: SessionRecord): boolean {
  const { stream } = state;
  if (stream === undefined || state.life !== 'live' || stream.isClosed) return false;
  if (record.seq !== stream.tailSeq) return false;
  const position = stream.isJson ? 1 : record.value.length;
  if (record.count !== undefined) rememberAppend(stream, record);
  if (record.eventId !== undefined) {
    const span = {
      firstSeq: stream.tailSeq,
      endSeq: stream.tailSeq + 1,
      endPosition: stream.tailPosition + position,
      timeMs: record.timeMs,
    };
    stream.eventIds.set(record.eventId, span, dedupeBounds);
  }
  if (isBilled(state)) {
    count(state, record);
    stream.times = countTime(stream.times, record.timeMs);
  }
  if (record.type !== undefined) tell(state, stream, record);
  stream.tailSeq += 1;
  stream.tailPosition += position;
  stream.bytes += record.value.length;
  stream.touchedAtMs = Math.max(stream.touchedAtMs, record.timeMs);
  return true;
}

/** Not what is reserved: nobody has asked for that. */
const isBilled = ({ name }: SessionState): boolean => !name.startsWith('$');

function count(state: SessionState, { value, timeMs }: SessionRecord): void {
  state.usage = countEvent(state.usage, { bytes: value.length, timeMs });
}

function tell(state: SessionState, stream: StreamState, record: SessionRecord): void {
  const { aspects } = stream;
  const { type = '', note, timeMs, eventId } = record;
  const isRun = aspects.profile.run !== undefined && isOfTurns(type);
  if (!isRun && !isTelling(type)) return;
  const seq = stream.tailSeq;
  const event = { id: eventId ?? eventIdAt(stream, seq), type, note: noteIn(note), seq, timeMs };
  const activity = evolveActivity(aspects.activity, event);
  const turns = isRun ? evolveTurnEvent(aspects.turns, event) : aspects.turns;
  if (activity === aspects.activity && turns === aspects.turns) return;
  stream.aspects = { ...aspects, activity, turns };
  if (isOtherState(aspects.activity, activity)) changeState(stream, timeMs);
  if (state.usage === undefined || activity === aspects.activity) return;
  state.usage = countReported(state.usage, { from: aspects.activity.usage, to: activity.usage });
}

function changeState(stream: StreamState, timeMs: number): void {
  stream.stateChangedAtMs = Math.max(stream.stateChangedAtMs, timeMs);
}

/** The identities of an append ride on its first record. */
function rememberAppend(stream: StreamState, record: SessionRecord): void {
  const { producer, key, timeMs } = record;
  if (producer !== undefined) rememberProducer(stream, record);
  if (record.streamSeq !== undefined) stream.streamSeq = record.streamSeq;
  if (key !== undefined) {
    const firstSeq = record.seq ?? stream.tailSeq;
    const endSeq = firstSeq + (record.count ?? 0);
    // The positions of a byte stream's key are found by its seqs when they are asked for.
    const endPosition = stream.isJson ? stream.tailPosition + endSeq - stream.tailSeq : -1;
    const span = { firstSeq, endSeq, endPosition, timeMs };
    stream.keys.set(key, span, dedupeBounds);
  }
}

function rememberProducer(stream: StreamState, { producer, timeMs }: SessionRecord): void {
  if (producer === undefined) return;
  const { id, epoch, seq } = producer;
  stream.producers.set(id, { epoch, seq, timeMs }, producerBounds);
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
    if (record.count !== undefined) rememberAppend(stream, record);
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
    rememberAppend(stream, record);
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

// What events that are appended do to their session, all of an append at once or each by itself.

import { limits } from '@tidemark/protocol';
import { evolveActivity, isOtherState, isTelling } from './activity.ts';
import { countEvents, countReported } from './daily-usage.ts';
import { eventIdAt } from './event-identity.ts';
import { noteIn } from './event-notes.ts';
import { countTimes } from './event-times.ts';
import type { RecordRun, SessionRecord } from './record.ts';
import type { SessionState, StreamState } from './state.ts';
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

/** Of one append, or a part of it. */
interface Events
  extends Pick<RecordRun, 'timeMs' | 'values' | 'valueBytes' | 'eventIds' | 'types' | 'notes'>,
    Pick<SessionRecord, 'seq' | 'producer' | 'streamSeq' | 'key'> {}

export function eventsOf(record: SessionRecord): Events {
  const { value, eventId, type, note } = record;
  return {
    timeMs: record.timeMs,
    seq: record.seq,
    producer: record.producer,
    streamSeq: record.streamSeq,
    key: record.key,
    values: [value],
    valueBytes: value.length,
    eventIds: eventId === undefined ? undefined : [eventId],
    types: type === undefined ? undefined : [type],
    notes: note === undefined ? undefined : [note],
  };
}

/** `count`, where an append begins with them: how many it has. */
export function evolveEvents(
  state: SessionState,
  events: Events,
  count: number | undefined,
): boolean {
  const { stream } = state;
  if (stream === undefined || state.life !== 'live' || stream.isClosed) return false;
  if (events.seq !== stream.tailSeq) return false;
  const { values, valueBytes, timeMs } = events;
  if (count !== undefined) rememberAppend(stream, events, count);
  if (events.eventIds !== undefined) rememberEventIds(stream, events, events.eventIds);
  if (isBilled(state)) {
    state.usage = countEvents(state.usage, { events: values.length, bytes: valueBytes, timeMs });
    stream.times = countTimes(stream.times, timeMs, values.length);
  }
  if (events.types !== undefined) tellAll(state, stream, events);
  stream.tailSeq += values.length;
  stream.tailPosition += stream.isJson ? values.length : valueBytes;
  stream.bytes += valueBytes;
  stream.touchedAtMs = Math.max(stream.touchedAtMs, timeMs);
  return true;
}

function rememberEventIds(
  stream: StreamState,
  { values, timeMs }: Events,
  eventIds: readonly (string | undefined)[],
): void {
  let { tailSeq: seq, tailPosition: position } = stream;
  for (const [index, value] of values.entries()) {
    position += stream.isJson ? 1 : value.length;
    const eventId = eventIds[index];
    const span = { firstSeq: seq, endSeq: seq + 1, endPosition: position, timeMs };
    if (eventId !== undefined) stream.eventIds.set(eventId, span, dedupeBounds);
    seq += 1;
  }
}

/** Not what is reserved: nobody has asked for that. */
const isBilled = ({ name }: SessionState): boolean => !name.startsWith('$');

function tellAll(state: SessionState, stream: StreamState, events: Events): void {
  const { types = [], notes, eventIds, timeMs } = events;
  for (let index = 0; index < types.length; index += 1) {
    const type = types[index];
    if (type === undefined) continue;
    const seq = stream.tailSeq + index;
    tell(state, stream, { type, note: notes?.[index], eventId: eventIds?.[index], seq, timeMs });
  }
}

interface ToldEvent {
  readonly type: string;
  readonly note: string | undefined;
  readonly eventId: string | undefined;
  readonly seq: number;
  readonly timeMs: number;
}

function tell(state: SessionState, stream: StreamState, told: ToldEvent): void {
  const { aspects } = stream;
  const { type, note, timeMs, eventId, seq } = told;
  const isRun = aspects.profile.run !== undefined && isOfTurns(type);
  if (!isRun && !isTelling(type)) return;
  const event = { id: eventId ?? eventIdAt(stream, seq), type, note: noteIn(note), seq, timeMs };
  const activity = evolveActivity(aspects.activity, event);
  const turns = isRun ? evolveTurnEvent(aspects.turns, event) : aspects.turns;
  if (activity === aspects.activity && turns === aspects.turns) return;
  stream.aspects = { ...aspects, activity, turns };
  if (isOtherState(aspects.activity, activity)) changeState(stream, timeMs);
  if (state.usage === undefined || activity === aspects.activity) return;
  state.usage = countReported(state.usage, { from: aspects.activity.usage, to: activity.usage });
}

export function changeState(stream: StreamState, timeMs: number): void {
  stream.stateChangedAtMs = Math.max(stream.stateChangedAtMs, timeMs);
}

type Remembered = Pick<SessionRecord, 'seq' | 'producer' | 'streamSeq' | 'key' | 'timeMs'>;

/** The identities of an append ride on its first record. */
export function rememberAppend(stream: StreamState, record: Remembered, count: number): void {
  const { producer, key, timeMs } = record;
  if (producer !== undefined) rememberProducer(stream, record);
  if (record.streamSeq !== undefined) stream.streamSeq = record.streamSeq;
  if (key !== undefined) {
    const firstSeq = record.seq ?? stream.tailSeq;
    const endSeq = firstSeq + count;
    // The positions of a byte stream's key are found by its seqs when they are asked for.
    const endPosition = stream.isJson ? stream.tailPosition + endSeq - stream.tailSeq : -1;
    const span = { firstSeq, endSeq, endPosition, timeMs };
    stream.keys.set(key, span, dedupeBounds);
  }
}

function rememberProducer(stream: StreamState, { producer, timeMs }: Remembered): void {
  if (producer === undefined) return;
  const { id, epoch, seq } = producer;
  stream.producers.set(id, { epoch, seq, timeMs }, producerBounds);
}

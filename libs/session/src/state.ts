import { cursorTag, cursorText, Problem } from '@tidemark/protocol';
import type { Aspects } from './aspects.ts';
import { type ForkOrigin, isJsonType, type LineageEntry, type SessionConfig } from './config.ts';
import type { DailyUsage } from './daily-usage.ts';
import type { DirectoryEntry } from './directory.ts';
import type { EventTimes } from './event-times.ts';
import { ForkRefs } from './fork-refs.ts';
import type { ProducerStamp } from './record.ts';
import type { SubscriptionState } from './subscription.ts';
import { Window } from './window.ts';

export interface ProducerState {
  readonly epoch: number;
  readonly seq: number;
  readonly timeMs: number;
}

/** The events of one append. */
export interface AppendSpan {
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly endPosition: number;
  readonly timeMs: number;
}

export interface StreamState {
  readonly incarnation: string;
  readonly tag: string;
  readonly contentType: string;
  readonly isJson: boolean;
  readonly ttlMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  readonly createdAtMs: number;
  readonly origin: ForkOrigin | undefined;
  readonly lineage: readonly LineageEntry[];
  /** The last recorded append or touch. */
  touchedAtMs: number;
  /** When it became what it is now: made, run, at rest, waiting, failed, paused, closed. */
  stateChangedAtMs: number;
  /** Where the next event goes: its seq, and its position. */
  tailSeq: number;
  tailPosition: number;
  /** Of its own events' bodies. */
  bytes: number;
  /** Of its own events; reserved sessions have none. */
  times: EventTimes | undefined;
  isClosed: boolean;
  closedBy: ProducerStamp | undefined;
  streamSeq: string | undefined;
  producers: Window<ProducerState>;
  keys: Window<AppendSpan>;
  eventIds: Window<AppendSpan>;
  refs: ForkRefs;
  /** What it is besides its events. */
  aspects: Aspects;
}

/** A reference that a purged fork still holds on its source, in whatever shard that is. */
export interface OwedUnref {
  readonly source: string;
  readonly sourceIncarnation: string;
  readonly forkIncarnation: string;
}

/**
 * One session, as the fold of its records. `rev` and `lastId` outlive a delete: they are what makes a
 * zombie's records void for ever.
 */
export interface SessionState {
  readonly tenant: string;
  readonly name: string;
  rev: number;
  lastId: string;
  lastTimeMs: number;
  /** `gone`: deleted or expired while forks still read from it. */
  life: 'absent' | 'live' | 'gone';
  /** While live or gone. */
  stream: StreamState | undefined;
  /** Incarnations of forks that were given up before they were created. */
  burned: readonly string[];
  owed: readonly OwedUnref[];
  /** Of all its lives. Reserved sessions have none. */
  usage: DailyUsage | undefined;
  /** Reserved sessions of subscriptions only. */
  subscription: SubscriptionState | undefined;
  /** Reserved sessions of the control log only. */
  entry: DirectoryEntry | undefined;
}

export const absentSession = (tenant: string, name: string): SessionState => ({
  tenant,
  name,
  rev: 0,
  lastId: '',
  lastTimeMs: 0,
  life: 'absent',
  stream: undefined,
  burned: [],
  owed: [],
  usage: undefined,
  subscription: undefined,
  entry: undefined,
});

/** A state that can be evolved without the original noticing. */
export function speculate(state: SessionState): SessionState {
  const { stream } = state;
  if (stream === undefined) return { ...state };
  return {
    ...state,
    stream: {
      ...stream,
      producers: stream.producers.layer(),
      keys: stream.keys.layer(),
      eventIds: stream.eventIds.layer(),
      refs: stream.refs.layer(),
    },
  };
}

const emptyWindows = (): Pick<StreamState, 'producers' | 'keys' | 'eventIds' | 'refs'> => ({
  producers: new Window(),
  keys: new Window(),
  eventIds: new Window(),
  refs: ForkRefs.of(),
});

/** The tag of the cursor at a position: an ancestor's up to and including where its fork left it. */
export function tagAt(stream: StreamState, position: number): string {
  for (const entry of stream.lineage) {
    if (position <= entry.endPosition) return entry.tag;
  }
  return stream.tag;
}

/** The cursor that stands for a position of the session. */
export const cursorAt = (stream: StreamState, position: number): string =>
  cursorText(position, tagAt(stream, position));

/** The stream that a create begins. */
export function beginStream(
  state: SessionState,
  config: SessionConfig,
  { timeMs, aspects }: { readonly timeMs: number; readonly aspects: Aspects },
): StreamState {
  const { incarnation, contentType, ttlMs, expiresAtMs, origin, lineage } = config;
  return {
    incarnation,
    tag: cursorTag(state.tenant, state.name, incarnation),
    contentType,
    isJson: isJsonType(contentType),
    ttlMs,
    expiresAtMs,
    createdAtMs: timeMs,
    origin,
    lineage: lineage ?? [],
    touchedAtMs: timeMs,
    stateChangedAtMs: timeMs,
    tailSeq: origin?.seq ?? 0,
    tailPosition: origin?.position ?? 0,
    bytes: 0,
    times: undefined,
    isClosed: false,
    closedBy: undefined,
    streamSeq: undefined,
    ...emptyWindows(),
    aspects:
      origin?.head === undefined
        ? aspects
        : { ...aspects, keeping: { ...aspects.keeping, head: origin.head } },
  };
}

/** What is there no more, and where what is there begins. */
export function behindHead(stream: StreamState): Problem {
  const { seq, position } = stream.aspects.keeping.head;
  return new Problem('behind-head', `the session is kept from seq ${seq} on`, {
    facts: { headSeq: seq, headOffset: cursorAt(stream, position) },
  });
}

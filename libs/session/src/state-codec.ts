// A session's state as JSON, for checkpoints: everything that the fold will ever ask of it.

import { decodeAspects, type EncodedAspects, encodeAspects } from './aspects.ts';
import { dailyUsageFrom, daysOf, type UsageNumbers, usageNumbers } from './daily-usage.ts';
import type { DirectoryEntry } from './directory.ts';
import { type TimesNumbers, timesFrom, timesNumbers } from './event-times.ts';
import { type ForkRef, ForkRefs } from './fork-refs.ts';
import type { AppendSpan, OwedUnref, ProducerState, SessionState, StreamState } from './state.ts';
import type { LiveSubscription, StreamLink, SubscriptionState } from './subscription.ts';
import { Window } from './window.ts';

type Encoded = 'producers' | 'keys' | 'eventIds' | 'refs' | 'aspects' | 'times';

interface EncodedStream extends Omit<StreamState, Encoded> {
  readonly aspects?: EncodedAspects | undefined;
  readonly times?: TimesNumbers | undefined;
  readonly producers: readonly (readonly [string, ProducerState])[];
  readonly keys: readonly (readonly [string, AppendSpan])[];
  readonly eventIds: readonly (readonly [string, AppendSpan])[];
  readonly refs: readonly (readonly [string, ForkRef])[];
}

interface EncodedState {
  readonly rev: number;
  readonly lastId: string;
  readonly lastTimeMs: number;
  readonly life: SessionState['life'];
  readonly stream?: EncodedStream;
  readonly burned: readonly string[];
  readonly owed: readonly OwedUnref[];
  readonly usage?: readonly UsageNumbers[];
  readonly subscription?: EncodedSubscription;
  readonly entry?: DirectoryEntry;
}

/** Fields stand in one order, so that equal states have equal bytes. */
export function encodeState(state: SessionState): object {
  const { rev, lastId, lastTimeMs, life, burned, owed, usage, stream, subscription, entry } = state;
  return {
    rev,
    lastId,
    lastTimeMs,
    life,
    burned,
    owed,
    usage: usage === undefined ? undefined : daysOf(usage).map(usageNumbers),
    stream: stream === undefined ? undefined : encodeStream(stream),
    subscription: subscription === undefined ? undefined : encodeSubscription(subscription),
    entry,
  };
}

function encodeStream(stream: StreamState): EncodedStream {
  const { producers, keys, eventIds, refs, times } = stream;
  return {
    incarnation: stream.incarnation,
    tag: stream.tag,
    contentType: stream.contentType,
    isJson: stream.isJson,
    ttlMs: stream.ttlMs,
    expiresAtMs: stream.expiresAtMs,
    createdAtMs: stream.createdAtMs,
    origin: stream.origin,
    lineage: stream.lineage,
    touchedAtMs: stream.touchedAtMs,
    stateChangedAtMs: stream.stateChangedAtMs,
    tailSeq: stream.tailSeq,
    tailPosition: stream.tailPosition,
    bytes: stream.bytes,
    times: times && timesNumbers(times),
    isClosed: stream.isClosed,
    closedBy: stream.closedBy,
    streamSeq: stream.streamSeq,
    producers: [...producers.entries()],
    keys: [...keys.entries()],
    eventIds: [...eventIds.entries()],
    refs: [...refs],
    aspects: encodeAspects(stream.aspects),
  };
}

/** Undefined where it is not what `encodeState` gives. */
export function decodeState(absent: SessionState, encoded: unknown): SessionState | undefined {
  const given = encoded as Partial<EncodedState> | null;
  const isState =
    typeof given === 'object' &&
    given !== null &&
    Number.isSafeInteger(given.rev) &&
    typeof given.lastId === 'string' &&
    typeof given.life === 'string' &&
    Array.isArray(given.burned) &&
    Array.isArray(given.owed);
  if (!isState) return undefined;
  const { stream, subscription, usage, ...rest } = given;
  const state = { ...absent, ...rest } as SessionState;
  if (usage !== undefined) state.usage = dailyUsageFrom(usage);
  if (stream !== undefined) state.stream = decodeStream(stream);
  if (subscription !== undefined) state.subscription = decodeSubscription(subscription);
  return state;
}

/** JSON drops what is undefined: every field of a stream is there again. */
function decodeStream(encoded: EncodedStream): StreamState {
  const { producers, keys, eventIds, refs, aspects, times, ...fields } = encoded;
  const missing = {
    ttlMs: undefined,
    expiresAtMs: undefined,
    origin: undefined,
    closedBy: undefined,
    streamSeq: undefined,
  };
  return {
    ...missing,
    ...fields,
    producers: Window.of(producers),
    keys: Window.of(keys),
    eventIds: Window.of(eventIds),
    refs: ForkRefs.of(refs),
    times: times && timesFrom(times),
    aspects: decodeAspects(aspects),
  };
}

type EncodedSubscription =
  | (Omit<LiveSubscription, 'links'> & {
      readonly links: readonly (readonly [string, StreamLink])[];
    })
  | Extract<SubscriptionState, { kind: 'deleted' }>;

const encodeSubscription = (state: SubscriptionState): EncodedSubscription =>
  state.kind === 'deleted' ? state : { ...state, links: [...state.links] };

const decodeSubscription = (encoded: EncodedSubscription): SubscriptionState =>
  encoded.kind === 'deleted'
    ? encoded
    : { ...encoded, wake: encoded.wake, links: new Map(encoded.links) };

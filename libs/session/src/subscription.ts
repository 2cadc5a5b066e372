// A subscription, as the fold of the facts of its reserved session.
//
// (1) A generation is never used twice for one id, deletes and re-creations included.
// (2) What speaks of a wake is said of the current one or is void: generation and wake id both match.
// (3) An ack never goes back, and never beyond what its stream was known to have.
// (4) Time has no part in it. A lease ends by a record that names the record it began with, so
//     that whatever renewed it first wins; a failed delivery names the instant of its next attempt.
//
// (none), deleted -> idle          created
// idle            -> waking        woken            (webhook: its lease begins)
// idle, waking    -> claimed       claimed          (pull-wake: its lease begins)
// waking          -> failed        delivery-failed  (webhook)
// failed          -> waking        retried          (webhook: the lease begins again)
// waking, claimed, failed -> same or waking   acked     (webhook or claimed; the lease begins again)
// waking, claimed, failed -> idle  acked with done, lease-expired (not failed)
// waking, claimed -> idle          released         (pull-wake)
// any but deleted -> same          linked, unlinked
// any but deleted -> deleted       deleted

import { limits } from '@tidemark/protocol';
import { unreachable } from '@tidemark/std';
import type { SessionRecord } from './record.ts';
import {
  type Ack,
  type LinkFact,
  type PendingStream,
  type SubscriptionConfig,
  type SubscriptionFact,
  subscriptionFactOf,
  type WakeName,
} from './subscription-facts.ts';
import { matchesPattern } from './subscription-pattern.ts';

/** Begins the names of the sessions that subscriptions are. */
export const subscriptionPrefix = '$sub/';

export interface StreamLink {
  readonly isExplicit: boolean;
  readonly incarnation: string;
  readonly position: number;
}

export interface WakeState extends WakeName {
  /** Who issued it, or its last attempt: that process delivers. */
  readonly by: string;
  readonly wokenAtMs: number;
  readonly attempt: number;
  /** Id of the record with which the lease last began. */
  readonly lease: string;
  readonly streams: readonly PendingStream[];
  readonly worker: string | undefined;
  readonly nextAttemptAtMs: number | undefined;
}

export interface LiveSubscription {
  readonly kind: 'live';
  /** Of the last wake; 0 before the first. */
  readonly generation: number;
  readonly config: SubscriptionConfig;
  readonly configHash: string;
  readonly createdAtMs: number;
  /** By path. A stream that matches the pattern and is not here counts from its beginning. */
  readonly links: ReadonlyMap<string, StreamLink>;
  readonly wake: WakeState | undefined;
  /** The process that last acted here: it goes first, the others stand in. A hint. */
  readonly by: string;
}

export type SubscriptionState =
  | LiveSubscription
  | { readonly kind: 'deleted'; readonly generation: number };

type Fact<T extends SubscriptionFact['type']> = Extract<SubscriptionFact, { type: T }>;

/** Undefined where the fact cannot be said of this state: the record is then void. */
export function evolveSubscription(
  state: SubscriptionState | undefined,
  facts: Readonly<Record<string, unknown>>,
  record: Pick<SessionRecord, 'id' | 'timeMs'>,
): SubscriptionState | undefined {
  const fact = subscriptionFactOf(facts);
  if (fact === undefined) return undefined;
  if (fact.type === 'created') {
    return state?.kind === 'live' ? undefined : created(state?.generation ?? 0, fact, record);
  }
  return state?.kind === 'live' ? evolveLive(state, fact, record) : undefined;
}

function created(
  generation: number,
  { config, configHash, links, by }: Fact<'created'>,
  { timeMs }: Pick<SessionRecord, 'timeMs'>,
): SubscriptionState | undefined {
  if (links.length > limits.subscriptionStreamsMax) return undefined;
  return {
    kind: 'live',
    generation,
    config,
    configHash,
    createdAtMs: timeMs,
    links: new Map(links.map((link) => [link.path, linkOf(link)])),
    wake: undefined,
    by,
  };
}

const linkOf = ({ isExplicit, incarnation, position }: LinkFact): StreamLink => ({
  isExplicit,
  incarnation,
  position,
});

function evolveLive(
  state: LiveSubscription,
  fact: Exclude<SubscriptionFact, { type: 'created' }>,
  record: Pick<SessionRecord, 'id' | 'timeMs'>,
): SubscriptionState | undefined {
  switch (fact.type) {
    case 'linked':
      return linked(state, fact);
    case 'unlinked':
      return unlinked(state, fact);
    case 'woken':
      return state.wake === undefined ? begun(state, fact, record) : undefined;
    case 'claimed':
      return claimed(state, fact, record);
    case 'retried':
    case 'delivery-failed':
      return attempted(state, fact, record);
    case 'acked':
      return acked(state, fact, record);
    case 'released':
      return isCurrent(state, fact) && state.config.kind === 'pull-wake' ? idle(state) : undefined;
    case 'lease-expired':
      return expired(state, fact);
    case 'deleted':
      return { kind: 'deleted', generation: state.generation };
    default:
      return unreachable(fact);
  }
}

const idle = (state: LiveSubscription): LiveSubscription => ({ ...state, wake: undefined });

/** Rule 12: generations fence. */
export const isCurrent = (
  { wake }: Pick<LiveSubscription, 'wake'>,
  { generation, wakeId }: WakeName,
): boolean => wake?.generation === generation && wake.wakeId === wakeId;

function linked(state: LiveSubscription, fact: Fact<'linked'>): LiveSubscription | undefined {
  const links = new Map(state.links);
  for (const link of fact.links) {
    const known = links.get(link.path);
    links.set(link.path, known === undefined ? linkOf(link) : { ...known, isExplicit: true });
  }
  return links.size <= limits.subscriptionStreamsMax ? { ...state, links } : undefined;
}

function unlinked(
  state: LiveSubscription,
  { path }: Fact<'unlinked'>,
): LiveSubscription | undefined {
  const known = state.links.get(path);
  if (known?.isExplicit !== true) return undefined;
  const links = new Map(state.links);
  if (isMatched(state.config, path)) links.set(path, { ...known, isExplicit: false });
  else links.delete(path);
  return { ...state, links };
}

/** Whether the pattern takes a stream. A subscription does not wake itself by its own wakes. */
export const isMatched = ({ pattern, wakeStream }: SubscriptionConfig, path: string): boolean =>
  pattern !== undefined && path !== wakeStream && matchesPattern(pattern, path);

export const isLinked = (state: LiveSubscription, path: string): boolean =>
  state.links.has(path) || isMatched(state.config, path);

/** Where a stream was acknowledged to, if anything of this incarnation ever was. */
export function ackedPosition(
  { links }: Pick<LiveSubscription, 'links'>,
  { path, incarnation }: { readonly path: string; readonly incarnation: string },
): number | undefined {
  const link = links.get(path);
  return link?.incarnation === incarnation ? link.position : undefined;
}

/** Streams that the pattern found are linked from the first wake that names them. */
function begun(
  state: LiveSubscription,
  fact: Fact<'woken' | 'claimed'>,
  record: Pick<SessionRecord, 'id' | 'timeMs'>,
): LiveSubscription | undefined {
  const { generation, wakeId, by, streams } = fact;
  if (generation !== state.generation + 1 || wakeId === '') return undefined;
  const links = linkedBy(state, streams);
  if (links === undefined) return undefined;
  const worker = fact.type === 'claimed' ? fact.worker : undefined;
  const wake = {
    generation,
    wakeId,
    by,
    wokenAtMs: record.timeMs,
    attempt: 1,
    lease: record.id,
    streams,
    worker,
    nextAttemptAtMs: undefined,
  };
  return { ...state, generation, links, wake, by };
}

function linkedBy(
  state: LiveSubscription,
  streams: readonly PendingStream[],
): ReadonlyMap<string, StreamLink> | undefined {
  if (streams.length === 0) return undefined;
  const links = new Map(state.links);
  for (const stream of streams) {
    const { path, incarnation, acked: from, tail } = stream;
    const position = ackedPosition(state, stream) ?? from;
    if (!isLinked(state, path) || tail <= position) return undefined;
    links.set(path, { isExplicit: links.get(path)?.isExplicit ?? false, incarnation, position });
  }
  return links.size <= limits.subscriptionStreamsMax ? links : undefined;
}

function claimed(
  state: LiveSubscription,
  fact: Fact<'claimed'>,
  record: Pick<SessionRecord, 'id' | 'timeMs'>,
): LiveSubscription | undefined {
  const { wake, config } = state;
  if (config.kind !== 'pull-wake') return undefined;
  if (wake === undefined) return begun(state, fact, record);
  if (!isCurrent(state, fact) || wake.worker !== undefined) return undefined;
  const { by, streams, worker } = fact;
  const links = linkedBy(state, streams);
  if (links === undefined) return undefined;
  return { ...state, links, by, wake: { ...wake, by, streams, worker, lease: record.id } };
}

function attempted(
  state: LiveSubscription,
  fact: Fact<'retried' | 'delivery-failed'>,
  { id }: Pick<SessionRecord, 'id'>,
): LiveSubscription | undefined {
  const { wake, config } = state;
  if (wake === undefined || config.kind !== 'webhook' || !isCurrent(state, fact)) return undefined;
  const hasFailed = wake.nextAttemptAtMs !== undefined;
  if (fact.type === 'delivery-failed') {
    if (hasFailed || fact.attempt !== wake.attempt) return undefined;
    const { nextAttemptAtMs } = fact;
    return { ...state, wake: { ...wake, nextAttemptAtMs, lease: id } };
  }
  const { attempt, by } = fact;
  if (!hasFailed || attempt !== wake.attempt + 1) return undefined;
  return { ...state, by, wake: { ...wake, attempt, by, nextAttemptAtMs: undefined, lease: id } };
}

function acked(
  state: LiveSubscription,
  fact: Fact<'acked'>,
  { id }: Pick<SessionRecord, 'id'>,
): LiveSubscription | undefined {
  const { wake, config } = state;
  if (wake === undefined || !isCurrent(state, fact)) return undefined;
  if (config.kind === 'pull-wake' && wake.worker === undefined) return undefined;
  const links = ackedLinks(state, fact.acks);
  if (links === undefined) return undefined;
  const next = fact.done ? undefined : { ...wake, nextAttemptAtMs: undefined, lease: id };
  return { ...state, links, wake: next };
}

/** The links behind these acks, one after the other; undefined where one of them goes elsewhere. */
export function ackedLinks(
  state: Pick<LiveSubscription, 'links'>,
  acks: readonly Ack[],
): ReadonlyMap<string, StreamLink> | undefined {
  const links = new Map(state.links);
  for (const ack of acks) {
    const link = links.get(ack.path);
    if (link === undefined || !isForward({ links }, ack)) return undefined;
    links.set(ack.path, { ...link, incarnation: ack.incarnation, position: ack.position });
  }
  return links;
}

/** Not back, and not beyond what the stream had. */
export const isForward = (state: Pick<LiveSubscription, 'links'>, ack: Ack): boolean =>
  state.links.has(ack.path) &&
  ack.position <= ack.tail &&
  ack.position >= (ackedPosition(state, ack) ?? 0);

function expired(
  state: LiveSubscription,
  fact: Fact<'lease-expired'>,
): LiveSubscription | undefined {
  if (!isCurrent(state, fact) || state.wake?.lease !== fact.lease) return undefined;
  return hasLease(state) ? { ...idle(state), by: fact.by } : undefined;
}

/** An unclaimed wake waits for a worker, a failed delivery for its next attempt: no lease runs. */
export function hasLease({ wake, config }: LiveSubscription): boolean {
  if (wake === undefined) return false;
  return config.kind === 'webhook' ? wake.nextAttemptAtMs === undefined : wake.worker !== undefined;
}

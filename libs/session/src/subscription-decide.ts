// What is asked of a subscription, decided on its state: a fact to write, or an answer that writes
// nothing. Each may be decided again, when another record came before.

import { limits } from '@tidemark/protocol';
import type { FactDecision } from './commands.ts';
import type { SessionState } from './state.ts';
import {
  ackedLinks,
  hasLease,
  isCurrent,
  isForward,
  isLinked,
  type LiveSubscription,
  type WakeState,
} from './subscription.ts';
import type {
  Ack,
  LinkFact,
  PendingStream,
  SubscriptionConfig,
  SubscriptionFact,
  WakeName,
} from './subscription-facts.ts';

export type SubscriptionAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'created'; readonly isNew: boolean }
  | { readonly kind: 'claimed'; readonly wake: WakeName }
  /** The state has moved on: there is nothing to do any more. */
  | { readonly kind: 'moved-on' }
  | {
      readonly kind: 'refused';
      readonly code:
        | 'already-exists'
        | 'fenced'
        | 'invalid-offset'
        | 'no-pending-work'
        | 'not-found'
        | 'not-pull-wake'
        | 'not-webhook'
        | 'too-many-streams';
    }
  | {
      readonly kind: 'refused';
      readonly code: 'already-claimed';
      readonly worker: string;
      readonly generation: number;
    };

type Refusal = Exclude<Extract<SubscriptionAnswer, { kind: 'refused' }>['code'], 'already-claimed'>;
type Outcome = ReturnType<FactDecision>;

const write = (fact: SubscriptionFact, answer: SubscriptionAnswer = { kind: 'done' }): Outcome => ({
  kind: 'fact',
  fact,
  answer,
});
const say = (answer: SubscriptionAnswer): Outcome => ({ kind: 'answer', answer });
const refuse = (code: Refusal): Outcome => say({ kind: 'refused', code });
const movedOn = say({ kind: 'moved-on' });

type OnLive = (state: LiveSubscription, nowMs: number) => Outcome;

const onLive =
  (decide: OnLive): FactDecision =>
  ({ subscription }: SessionState, { nowMs }) =>
    subscription?.kind === 'live' ? decide(subscription, nowMs) : refuse('not-found');

/**
 * The same configuration again is confirmed; another is refused. Without links nothing is created:
 * who asks has seen that it is there, and asks again should it be deleted meanwhile.
 */
export const decideSubscribe =
  (request: {
    readonly config: SubscriptionConfig;
    readonly configHash: string;
    readonly links: readonly LinkFact[] | undefined;
    readonly by: string;
  }): FactDecision =>
  ({ subscription }) => {
    if (subscription?.kind !== 'live') {
      const { links } = request;
      if (links === undefined) return movedOn;
      if (links.length > limits.subscriptionStreamsMax) return refuse('too-many-streams');
      return write({ type: 'created', ...request, links }, { kind: 'created', isNew: true });
    }
    const isSame = subscription.configHash === request.configHash;
    return isSame ? say({ kind: 'created', isNew: false }) : refuse('already-exists');
  };

export const decideUnsubscribe: FactDecision = ({ subscription }) =>
  subscription?.kind === 'live' ? write({ type: 'deleted' }) : say({ kind: 'done' });

export const decideLink = (links: readonly LinkFact[]): FactDecision =>
  onLive((state) => {
    const added = links.filter(({ path }) => state.links.get(path)?.isExplicit !== true);
    const paths = new Set([...state.links.keys(), ...added.map(({ path }) => path)]);
    if (paths.size > limits.subscriptionStreamsMax) return refuse('too-many-streams');
    return added.length === 0 ? say({ kind: 'done' }) : write({ type: 'linked', links: added });
  });

export const decideUnlink = (path: string): FactDecision =>
  onLive((state) => {
    const isExplicit = state.links.get(path)?.isExplicit === true;
    return isExplicit ? write({ type: 'unlinked', path }) : say({ kind: 'done' });
  });

interface WakeRequest {
  readonly wakeId: string;
  readonly by: string;
  readonly streams: readonly PendingStream[];
}

/**
 * What is still pending, of what was when the request was made, and has room among the links: a pattern
 * may take more streams than a subscription can hold, and those beyond are left out.
 */
function stillPending(
  state: LiveSubscription,
  streams: readonly PendingStream[],
): readonly PendingStream[] {
  const current = streams.map((stream) => {
    const link = state.links.get(stream.path);
    return link?.incarnation === stream.incarnation ? { ...stream, acked: link.position } : stream;
  });
  let room = limits.subscriptionStreamsMax - state.links.size;
  return current.filter(({ path, acked, tail }) => {
    if (!isLinked(state, path) || tail <= acked) return false;
    if (!state.links.has(path)) room -= 1;
    return state.links.has(path) || room >= 0;
  });
}

/** Only while nothing is under way: of all who find it pending, one is heard. */
export const decideWake = ({ wakeId, by, streams }: WakeRequest): FactDecision =>
  onLive((state) => {
    const pending = stillPending(state, streams);
    if (state.wake !== undefined || pending.length === 0) return movedOn;
    const generation = state.generation + 1;
    return write({ type: 'woken', generation, wakeId, by, streams: pending });
  });

/** Takes the wake that waits, or where something is pending and none does, one of its own. */
export const decideClaim = (request: WakeRequest & { readonly worker: string }): FactDecision =>
  onLive((state) => {
    const { by, worker } = request;
    const { wake, config } = state;
    if (config.kind !== 'pull-wake') return refuse('not-pull-wake');
    if (wake?.worker !== undefined) return say(alreadyClaimed(wake, wake.worker));
    const streams = stillPending(state, request.streams);
    if (streams.length === 0) {
      // The wake goes with what it was for, or nobody would ever be woken again.
      const none = { kind: 'refused', code: 'no-pending-work' } as const;
      return wake === undefined ? say(none) : write({ type: 'released', ...nameOf(wake) }, none);
    }
    const name =
      wake === undefined
        ? { generation: state.generation + 1, wakeId: request.wakeId }
        : nameOf(wake);
    return write(
      { type: 'claimed', ...name, by, streams, worker },
      { kind: 'claimed', wake: name },
    );
  });

/** The name alone, of whatever carries it: a fact holds nothing else. */
const nameOf = ({ generation, wakeId }: WakeName): WakeName => ({ generation, wakeId });

const alreadyClaimed = ({ generation }: WakeState, worker: string): SubscriptionAnswer => ({
  kind: 'refused',
  code: 'already-claimed',
  worker,
  generation,
});

export interface AckRequest extends WakeName {
  readonly kind: SubscriptionConfig['kind'];
  readonly acks: readonly Ack[];
  readonly done: boolean;
}

/** Takes acks, and is a heartbeat; with `done` the wake is over. */
export const decideAck = ({ kind, acks, done, ...name }: AckRequest): FactDecision =>
  onLive((state) => {
    if (state.config.kind !== kind) return refuseKind(kind);
    if (!isHeld(state, name)) return refuse('fenced');
    if (ackedLinks(state, acks) === undefined) return refuse('invalid-offset');
    return write({ type: 'acked', ...nameOf(name), acks, done });
  });

const refuseKind = (wanted: SubscriptionConfig['kind']): Outcome =>
  refuse(wanted === 'webhook' ? 'not-webhook' : 'not-pull-wake');

const isHeld = (state: LiveSubscription, name: WakeName): boolean =>
  isCurrent(state, name) && (state.config.kind === 'webhook' || state.wake?.worker !== undefined);

/** The webhook is done with all that its wake named: as far as that is still linked. */
export const decideFinish = (name: WakeName): FactDecision =>
  onLive((state) => {
    if (state.config.kind !== 'webhook' || !isHeld(state, name)) return movedOn;
    const acks = (state.wake?.streams ?? [])
      .map(({ path, incarnation, tail }) => ({ path, incarnation, position: tail, tail }))
      .filter((ack) => isForward(state, ack));
    return write({ type: 'acked', ...nameOf(name), acks, done: true });
  });

export const decideRelease = (name: WakeName): FactDecision =>
  onLive((state) => {
    if (state.config.kind !== 'pull-wake') return refuse('not-pull-wake');
    return isHeld(state, name) ? write({ type: 'released', ...nameOf(name) }) : refuse('fenced');
  });

/** Only the lease that was seen to run out: whatever renewed it has begun another. */
export const decideExpireLease = (
  { lease, generation, wakeId }: WakeState,
  by: string,
): FactDecision =>
  onLive((state) => {
    const isSame = isCurrent(state, { generation, wakeId }) && state.wake?.lease === lease;
    if (!isSame || !hasLease(state)) return movedOn;
    return write({ type: 'lease-expired', generation, wakeId, by, lease });
  });

export const decideFailDelivery = (
  name: WakeName & { readonly attempt: number },
  retryAfterMs: number,
): FactDecision =>
  onLive((state, nowMs) => {
    const { generation, wakeId, attempt } = name;
    const { wake } = state;
    const isSame = isCurrent(state, name) && wake?.attempt === attempt;
    if (!isSame || wake.nextAttemptAtMs !== undefined) return movedOn;
    const nextAttemptAtMs = nowMs + retryAfterMs;
    return write({ type: 'delivery-failed', generation, wakeId, attempt, nextAttemptAtMs });
  });

/** The next attempt of a failed delivery: of all who find it due, one makes it. */
export const decideRetry = ({ generation, wakeId, attempt }: WakeState, by: string): FactDecision =>
  onLive((state) => {
    const { wake } = state;
    const isSame = isCurrent(state, { generation, wakeId }) && wake?.attempt === attempt;
    if (!isSame || wake.nextAttemptAtMs === undefined) return movedOn;
    return write({ type: 'retried', generation, wakeId, attempt: attempt + 1, by });
  });

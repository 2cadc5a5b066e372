// Planted bugs of subscriptions and the relay.

import { Problem } from '@tidemark/protocol';
import { Subscriptions } from '@tidemark/relay';
import { Candidates, FollowedSubscription, StreamsNow } from '@tidemark/relay/testing';
import { SessionWrites } from '@tidemark/replica/write';
import {
  type FactDecision,
  type LiveSubscription,
  type SessionState,
  type SubscriptionAnswer,
  type SubscriptionFact,
  subscriptionFactOf,
  type WakeName,
} from '@tidemark/session';
import { textOf } from '@tidemark/std';
import type { Mutant } from './mutant.ts';
import type { Plan } from './plan.ts';
import { both, changeFold, decideInstead, replace, shareOf, type Undo } from './plant.ts';
import { wakeStream } from './subscription-spec.ts';

type Decided = ReturnType<FactDecision>;

/** Shows every decision on a subscription to `change`, with the way to decide again. */
const changeDecisions = (
  change: (decided: Decided, state: SessionState, again: (on: SessionState) => Decided) => Decided,
): Undo =>
  decideInstead((command) => {
    if (command.kind !== 'fact') return command;
    const decide: FactDecision = (state, context) => {
      const again = (on: SessionState): Decided => command.decide(on, context);
      return change(again(state), state, again);
    };
    return { ...command, decide };
  });

/** Writes other facts than those that were decided. */
const changeFacts = (change: (fact: SubscriptionFact, on: LiveSubscription) => object): Undo =>
  changeDecisions((decided, { subscription }) => {
    if (decided.kind !== 'fact' || subscription?.kind !== 'live') return decided;
    return { ...decided, fact: change(decided.fact as SubscriptionFact, subscription) };
  });

/** What the fold makes of the state behind a fact of some type. */
const afterFact = (
  types: readonly SubscriptionFact['type'][],
  change: (state: SessionState) => void,
): Undo =>
  changeFold(
    (record) => record,
    (record, { state }) => {
      if (record.kind !== 'fact' || state.subscription === undefined) return;
      const fact = subscriptionFactOf(JSON.parse(textOf(record.value)) as Record<string, unknown>);
      if (fact !== undefined && types.includes(fact.type)) change(state);
    },
  );

const nameOf = ({ generation, wakeId }: WakeName): WakeName => ({ generation, wakeId });

/** An ack that is fenced is decided as if its wake were the current one, and written as that one's. */
function takeFenced(): Undo {
  const names: WakeName[] = [];
  return changeDecisions((decided, state, again) => {
    const { subscription } = state;
    if (decided.kind === 'fact') {
      const fact = decided.fact as SubscriptionFact;
      if (fact.type === 'woken' || fact.type === 'claimed') names.push(nameOf(fact));
    }
    if (decided.kind !== 'answer') return decided;
    const { kind, code } = decided.answer as { readonly kind: string; readonly code?: string };
    const wake = subscription?.kind === 'live' ? subscription.wake : undefined;
    if (kind !== 'refused' || code !== 'fenced' || wake === undefined) return decided;
    for (const name of names) {
      const isTheirs = { ...subscription, wake: { ...wake, ...name } } as LiveSubscription;
      const other = again({ ...state, subscription: isTheirs });
      if (other.kind === 'fact') return { ...other, fact: { ...other.fact, ...nameOf(wake) } };
    }
    return decided;
  });
}

/** Whoever asks before the subscription is told of its new lease gets the age of the one before. */
function leaseBefore(): Undo {
  const told = new WeakMap<FollowedSubscription, string>();
  const { prototype } = FollowedSubscription;
  const undoSync = replace(
    prototype,
    'sync',
    (original) =>
      function sync(this: FollowedSubscription) {
        told.set(this, this.live?.wake?.lease ?? '');
        return original.call(this);
      },
  );
  const undoAge = replace(
    prototype,
    'leaseAgeMs',
    (original) =>
      function leaseAgeMs(this: FollowedSubscription) {
        return original.call(this, { lease: told.get(this) ?? '' });
      },
  );
  return both(undoAge, undoSync);
}

const plan: Partial<Plan> = { subscriptions: 2, disaster: 'none' };

export const subscriptionMutants: readonly Mutant[] = [
  {
    name: 'fenced-ack-taken',
    breaks: 'rule 12: generations fence, in the fold',
    plan,
    plant: takeFenced,
  },
  {
    name: 'generation-stands-still',
    breaks: 'rule 12: every claim that begins a wake has a generation of its own',
    plan,
    plant: () =>
      afterFact(['woken', 'claimed'], (state) => {
        const { subscription } = state;
        if (subscription?.kind !== 'live') return;
        state.subscription = { ...subscription, generation: 0 };
      }),
  },
  {
    name: 'generation-deleted',
    breaks: 'rule 12: no generation is used twice, deletes and re-creations included',
    plan,
    plant: () =>
      afterFact(['deleted'], (state) => {
        state.subscription = { kind: 'deleted', generation: 0 };
      }),
  },
  {
    name: 'claim-shared',
    breaks: 'a wake has one worker at a time',
    plan,
    plant: () =>
      changeDecisions((decided, { subscription }) => {
        if (decided.kind !== 'answer') return decided;
        const { kind, code } = decided.answer as { readonly kind: string; readonly code?: string };
        const wake = subscription?.kind === 'live' ? subscription.wake : undefined;
        if (kind !== 'refused' || code !== 'already-claimed' || wake === undefined) return decided;
        const answer: SubscriptionAnswer = { kind: 'claimed', wake: nameOf(wake) };
        return { kind: 'answer', answer };
      }),
  },
  {
    name: 'ack-to-the-tail',
    breaks: 'an ack moves as far as it says, and no further',
    seed: 13,
    plan,
    plant: () =>
      changeFacts((fact) => {
        if (fact.type !== 'acked') return fact;
        return { ...fact, acks: fact.acks.map((ack) => ({ ...ack, position: ack.tail })) };
      }),
  },
  {
    name: 'ack-forgotten',
    breaks: 'what was acknowledged is handed to nobody again',
    seed: 5,
    plan: { ...plan, operations: 60 },
    plant: () => changeFacts((fact) => (fact.type === 'acked' ? { ...fact, acks: [] } : fact)),
  },
  {
    name: 'standing-ack-denied',
    breaks: 'effect none is a promise, of acks too',
    plan,
    plant: () =>
      replace(
        Subscriptions.prototype,
        'ack',
        (original) =>
          async function ack(this: Subscriptions, token, id, request) {
            const answer = await original.call(this, token, id, request);
            if (shareOf(token) < 0.5) throw new Problem('unavailable', 'planted');
            return answer;
          },
      ),
  },
  {
    name: 'tail-beyond-the-end',
    breaks: 'no cursor lies beyond the tail',
    plan,
    plant: () =>
      replace(
        StreamsNow.prototype,
        'stream',
        (original) =>
          function stream(this: StreamsNow, name) {
            const found = original.call(this, name);
            return found && { ...found, tailPosition: found.tailPosition + 1 };
          },
      ),
  },
  {
    name: 'position-of-a-former-life',
    breaks: 'rule 7: positions carry the incarnation',
    plan: { ...plan, names: 1, isForking: false, isExpiring: false },
    plant: () =>
      replace(
        StreamsNow.prototype,
        'pending',
        (original) =>
          function pending(this: StreamsNow, subscription, path) {
            const found = original.call(this, subscription, path);
            const acked = Math.max(found?.acked ?? 0, subscription.links.get(path)?.position ?? 0);
            return found !== undefined && found.tail > acked ? { ...found, acked } : undefined;
          },
      ),
  },
  {
    name: 'found-stream-begins-at-its-tail',
    breaks: 'a stream that the pattern finds later is followed from its beginning',
    seed: 20,
    plan,
    plant: () =>
      replace(
        StreamsNow.prototype,
        'pending',
        (original) =>
          function pending(this: StreamsNow, subscription, path) {
            const found = original.call(this, subscription, path);
            if (found === undefined || subscription.links.has(path)) return found;
            return { ...found, acked: found.tail - 1 };
          },
      ),
  },
  {
    name: 'lease-ends-early',
    breaks: 'rule 12: nobody takes over before the lease has run its length',
    plan,
    plant: () =>
      replace(
        FollowedSubscription.prototype,
        'leaseAgeMs',
        (original) =>
          function leaseAgeMs(this: FollowedSubscription, wake) {
            return original.call(this, wake) * 4 + 1_000;
          },
      ),
  },
  {
    name: 'lease-of-the-record-before',
    breaks: 'rule 12: a lease is as old as the record that it began with',
    plan: { ...plan, names: 1, partitions: 1, processes: 1, disturbances: [], isForking: false },
    plant: leaseBefore,
  },
  {
    name: 'lease-never-ends',
    breaks: 'rule 12: whoever holds a wake and is gone is taken over from',
    plan,
    plant: () => replace(FollowedSubscription.prototype, 'leaseAgeMs', () => () => 0),
  },
  {
    name: 'append-wakes-nobody',
    breaks: 'pending work wakes somebody',
    plan,
    plant: () => replace(FollowedSubscription.prototype, 'streamChanged', () => () => undefined),
  },
  {
    name: 'left-out-forgotten',
    breaks: 'pending work that there was no room to remember wakes somebody',
    seed: 13,
    plan: { ...plan, names: 7 },
    plant: () => replace(Candidates.prototype, 'takeCut', () => () => false),
  },
  {
    name: 'wake-not-announced',
    breaks: 'rule 8: who folds a wake makes sure of its event',
    plan,
    plant: () =>
      replace(
        SessionWrites.prototype,
        'append',
        (original) =>
          function append(this: SessionWrites, tenant, name, command) {
            if (name !== wakeStream) return original.call(this, tenant, name, command);
            return Promise.reject(new Problem('unavailable', 'planted'));
          },
      ),
  },
  {
    name: 'failed-delivery-taken-as-done',
    breaks: 'a webhook that failed is delivered again',
    plan,
    plant: () =>
      changeFacts((fact, { wake }) => {
        if (fact.type !== 'delivery-failed') return fact;
        const acks = (wake?.streams ?? []).map(({ path, incarnation, tail }) => {
          return { path, incarnation, position: tail, tail };
        });
        return { type: 'acked', ...nameOf(fact), acks, done: true };
      }),
  },
];

// The subscriptions of a tenant, found in the shards it has: who is woken by which stream.

import type { Clock } from '@tidemark/ports';
import type { FoldedSession } from '@tidemark/replica';
import { subscriptionPrefix } from '@tidemark/session';
import { FollowedSubscription } from './followed-subscription.ts';
import { isApplicationStream, type TenantStreams } from './tenant-streams.ts';

/** Names whose subscriptions are remembered, before they are looked for again. */
const rememberedMax = 100_000;

export class TenantSubscriptions {
  readonly streams: TenantStreams;
  readonly #clock: Clock;
  readonly #wake: (subscription: FollowedSubscription) => void;
  readonly #byId = new Map<string, FollowedSubscription>();
  /** By name of a stream. Forgotten whenever a subscription begins or ends to mind others. */
  readonly #minding = new Map<string, readonly FollowedSubscription[]>();
  #isFollowing = false;

  constructor(
    streams: TenantStreams,
    clock: Clock,
    wake: (subscription: FollowedSubscription) => void,
  ) {
    this.streams = streams;
    this.#clock = clock;
    this.#wake = wake;
  }

  get(id: string): FollowedSubscription | undefined {
    return this.#byId.get(id);
  }

  /** From now on: what was folded before is taken as it stands, not as it came about. */
  follow(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    for (const replica of this.streams.replicas) {
      for (const session of replica.fold.sessions()) {
        if (session.state.subscription !== undefined) this.changed(session);
      }
    }
  }

  /** A session of the tenant has changed. */
  changed({ state }: FoldedSession): void {
    if (!this.#isFollowing || state.tenant !== this.streams.tenant.id) return;
    const { name } = state;
    if (name.startsWith(subscriptionPrefix)) {
      this.#subscriptionChanged(name.slice(subscriptionPrefix.length), name);
      return;
    }
    if (this.#byId.size === 0 || !isApplicationStream(name)) return;
    for (const subscription of this.#mindersOf(name)) {
      subscription.streamChanged(name);
      this.#wake(subscription);
    }
  }

  #subscriptionChanged(id: string, name: string): void {
    const subscription = this.#byId.get(id) ?? this.#follow(id, name);
    if (subscription.live === undefined) {
      subscription.close();
      this.#byId.delete(id);
      this.#minding.clear();
      return;
    }
    if (subscription.sync()) this.#minding.clear();
    this.#wake(subscription);
  }

  #follow(id: string, name: string): FollowedSubscription {
    const parts = { located: this.streams.locate(name), clock: this.#clock };
    const subscription = new FollowedSubscription(id, this.streams, parts);
    this.#byId.set(id, subscription);
    return subscription;
  }

  #mindersOf(name: string): readonly FollowedSubscription[] {
    const known = this.#minding.get(name);
    if (known !== undefined) return known;
    const minders = [...this.#byId.values()].filter((subscription) => subscription.minds(name));
    if (this.#minding.size >= rememberedMax) this.#minding.clear();
    this.#minding.set(name, minders);
    return minders;
  }

  close(): void {
    for (const subscription of this.#byId.values()) subscription.close();
    this.#byId.clear();
  }
}

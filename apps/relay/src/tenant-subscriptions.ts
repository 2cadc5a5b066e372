// The subscriptions of a tenant, found in the shards it has: who is woken by which stream.

import type { Clock } from '@tidemark/ports';
import { limits } from '@tidemark/protocol';
import type { FoldedSession, ShardReplica } from '@tidemark/replica';
import { subscriptionPrefix } from '@tidemark/session';
import { type CandidateBounds, CandidateRoom } from './candidates.ts';
import { FollowedSubscription } from './followed-subscription.ts';
import { isApplicationStream, type TenantStreams } from './tenant-streams.ts';

/** Names, and subscriptions of them, that are remembered before they are looked for again. */
const rememberedMax = 100_000;

export interface TenantSubscriptionsParts {
  readonly streams: TenantStreams;
  readonly clock: Clock;
  readonly candidates: CandidateBounds;
  readonly wake: (subscription: FollowedSubscription) => void;
}

export class TenantSubscriptions {
  readonly streams: TenantStreams;
  readonly #parts: TenantSubscriptionsParts;
  readonly #room: CandidateRoom;
  readonly #byId = new Map<string, FollowedSubscription>();
  /** By name of a stream. Forgotten whenever a subscription begins or ends to mind others. */
  readonly #minding = new Map<string, readonly FollowedSubscription[]>();
  #remembered = 0;
  /** Subscriptions that are being made here. */
  #begun = 0;
  #following: Promise<void> | undefined;
  #isWanted = false;

  constructor(parts: TenantSubscriptionsParts) {
    this.streams = parts.streams;
    this.#parts = parts;
    this.#room = new CandidateRoom(parts.candidates);
  }

  get candidateCount(): number {
    return this.#room.count;
  }

  /** Another one is made, unless there are as many as may be. The answer says that it is, or failed. */
  begin(): (() => void) | undefined {
    if (this.#byId.size + this.#begun >= limits.subscriptionsMax) return undefined;
    this.#begun += 1;
    return () => {
      this.#begun -= 1;
    };
  }

  get(id: string): FollowedSubscription | undefined {
    return this.#byId.get(id);
  }

  /** From now on: what was folded before is taken as it stands, not as it came about. */
  follow(): Promise<void> {
    this.#isWanted = true;
    this.#following ??= this.#followAll().catch((cause: unknown) => {
      this.#following = undefined;
      throw cause;
    });
    return this.#following;
  }

  async #followAll(): Promise<void> {
    for await (const name of this.streams.reserved(subscriptionPrefix)) {
      const { replica, key } = this.streams.locate(name);
      await replica.with(key, (session) => this.changed(replica, session));
    }
  }

  /** A shard began anew with what is published: what came about meanwhile was told to nobody. */
  async begunAnew(): Promise<void> {
    if (!this.#isWanted) return;
    this.#following = undefined;
    for (const subscription of this.#byId.values()) subscription.forgetStreams();
    await this.follow();
  }

  /** A session of the tenant has changed. */
  changed(replica: ShardReplica, session: FoldedSession): void {
    const { name, tenant } = session.state;
    if (!this.#isWanted || tenant !== this.streams.tenant.id) return;
    if (name.startsWith(subscriptionPrefix)) {
      this.#subscriptionChanged(replica, session);
      return;
    }
    if (this.#byId.size === 0 || !isApplicationStream(name)) return;
    for (const subscription of this.#mindersOf(name)) {
      subscription.streamChanged(name);
      this.#parts.wake(subscription);
    }
  }

  #subscriptionChanged(replica: ShardReplica, session: FoldedSession): void {
    const id = session.state.name.slice(subscriptionPrefix.length);
    const subscription = this.#byId.get(id) ?? this.#follow(id, { replica, session });
    if (subscription.live === undefined) {
      subscription.close();
      this.#byId.delete(id);
      this.#forgetMinders();
      return;
    }
    if (subscription.sync()) this.#forgetMinders();
    this.#parts.wake(subscription);
  }

  #follow(
    id: string,
    held: { readonly replica: ShardReplica; readonly session: FoldedSession },
  ): FollowedSubscription {
    const { streams, clock } = this.#parts;
    const room = this.#room;
    const subscription = new FollowedSubscription(id, { ...held, streams, clock, room });
    this.#byId.set(id, subscription);
    return subscription;
  }

  /** Something may be to do for each of them. */
  wakeAll(): void {
    for (const subscription of this.#byId.values()) this.#parts.wake(subscription);
  }

  #mindersOf(name: string): readonly FollowedSubscription[] {
    const known = this.#minding.get(name);
    if (known !== undefined) return known;
    const minders = [...this.#byId.values()].filter((subscription) => subscription.minds(name));
    if (this.#remembered >= rememberedMax) this.#forgetMinders();
    this.#minding.set(name, minders);
    this.#remembered += 1 + minders.length;
    return minders;
  }

  #forgetMinders(): void {
    this.#minding.clear();
    this.#remembered = 0;
  }

  close(): void {
    for (const subscription of this.#byId.values()) subscription.close();
    this.#byId.clear();
  }
}

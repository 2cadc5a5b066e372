import type { FollowedSubscription } from './followed-subscription.ts';

/** Webhooks under way at once in this process ... */
const slotsMax = 256;
/** ... and of one tenant, so that slow receivers hold up only their own. */
const tenantSlotsMax = 64;

/** Bounds the webhooks under way. Who finds no room waits, before a wake is issued. */
export class DeliverySlots {
  readonly #taken = new Map<string, number>();
  readonly #waiting = new Set<FollowedSubscription>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  hasRoom({ streams }: FollowedSubscription): boolean {
    const ofTenant = this.#taken.get(streams.tenant.id) ?? 0;
    return this.#count < slotsMax && ofTenant < tenantSlotsMax;
  }

  wait(subscription: FollowedSubscription): void {
    this.#waiting.add(subscription);
  }

  /** The first that waits and now has room, once. */
  next(): FollowedSubscription | undefined {
    for (const subscription of this.#waiting) {
      if (!this.hasRoom(subscription)) continue;
      this.#waiting.delete(subscription);
      return subscription;
    }
    return undefined;
  }

  take({ streams }: FollowedSubscription): () => void {
    const { id } = streams.tenant;
    this.#count += 1;
    this.#taken.set(id, (this.#taken.get(id) ?? 0) + 1);
    return () => {
      this.#count -= 1;
      const left = (this.#taken.get(id) ?? 1) - 1;
      if (left === 0) this.#taken.delete(id);
      else this.#taken.set(id, left);
    };
  }
}

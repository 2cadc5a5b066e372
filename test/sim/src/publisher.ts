// Publishes what some process has folded, as materializers do; the others move on to it when they hear of
// it, early or late, or begin with it.

import type { SeededPrng } from '@tidemark/ports/testing';
import { controlShard, type ShardReplica } from '@tidemark/replica';
import type { World } from './world.ts';

export class Publisher {
  readonly #world: World;
  readonly #prng: SeededPrng;
  /** Those whose snapshot is being taken. */
  readonly #busy = new Set<ShardReplica>();
  #isOver = false;

  constructor(world: World) {
    this.#world = world;
    this.#prng = world.prng.fork('publisher');
  }

  start(): void {
    const { plan, clock } = this.#world;
    if (this.#isOver || plan.publishEveryMs === 0) return;
    clock.schedule(this.#prng.below(2 * plan.publishEveryMs), () => {
      if (this.#isOver) return;
      // What cannot be published now is published later.
      void this.#publishSome().catch(() => undefined);
      this.start();
    });
  }

  stop(): void {
    this.#isOver = true;
  }

  async #publishSome(): Promise<void> {
    const replica = this.#someReplica();
    if (replica === undefined || this.#busy.has(replica)) return;
    this.#busy.add(replica);
    try {
      await this.#publish(replica);
    } finally {
      this.#busy.delete(replica);
    }
  }

  async #publish(replica: ShardReplica): Promise<void> {
    const published = await this.#world.publications.publish(replica);
    if (published === undefined) {
      this.#moveOn(replica);
      return;
    }
    this.#world.count('published');
    for (const { shards } of this.#world.incarnations) {
      const other = [...shards.opened].find(({ shard }) => shard === replica.shard);
      if (other !== undefined) this.#moveOn(other);
    }
  }

  #someReplica(): ShardReplica | undefined {
    const replicas = this.#world.incarnations
      .filter(({ gate, isReady }) => isReady && !gate.isCrashed && !gate.isPaused)
      .flatMap(({ shards }) => [...shards.opened])
      .filter(({ shard, isServing }) => shard !== controlShard && isServing);
    return replicas[this.#prng.below(Math.max(1, replicas.length))];
  }

  /** To whatever is newest once it looks. */
  #moveOn(replica: ShardReplica): void {
    const { publications, clock } = this.#world;
    clock.schedule(this.#prng.below(300), () => {
      publications
        .newest(replica.logName)
        .then((newest) => (newest === undefined ? undefined : replica.moveTo(newest)))
        .catch(() => undefined);
    });
  }
}

// Takes appends to the lanes of the brokers that lead their shards.
//
// (1) A shard has at most one append under way.
// (2) One attempt, one outcome. What waits for a leader has not been attempted: its source is not
//     called before a request to an open connection is formed.
// (3) A shard whose last outcome was not committed flies alone until it is.
//
// waiting -> in flight   Lane.#fly
// waiting -> homeless    strand            (no leader, or it cannot be reached)
// homeless -> waiting    #settleHomeless   (a leader was found)
// homeless -> ended      #settleHomeless   (given back unsent)
// in flight -> ended     land

import { type AppendOutcome, type BatchSource, type Shard, sleep } from '@tidemark/ports';
import { assert } from '@tidemark/std';
import { type AppendOwner, BrokerLanes } from './lanes.ts';
import { leaderRetryMs } from './limits.ts';
import { type AppenderParts, type PendingAppend, unsent } from './pending-append.ts';

export class Appender implements AppendOwner {
  readonly parts: AppenderParts;
  readonly #lanes = new Map<number, BrokerLanes>();
  readonly #underWay = new Set<Shard>();
  readonly #uncommitted = new Set<Shard>();
  readonly #homeless = new Set<PendingAppend>();
  readonly #closing = new AbortController();
  #isSettling = false;
  #nextLookAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: AppenderParts) {
    this.parts = parts;
  }

  append(
    batches: ReadonlyMap<Shard, BatchSource>,
  ): ReadonlyMap<Shard, Promise<AppendOutcome | undefined>> {
    const outcomes = new Map<Shard, Promise<AppendOutcome | undefined>>();
    const sinceMs = this.parts.clock.monotonicMs();
    for (const shard of batches.keys()) {
      assert(!this.#underWay.has(shard), `one append at a time. shard=${shard}`);
    }
    for (const [shard, source] of batches) {
      const { promise, resolve } = Promise.withResolvers<AppendOutcome | undefined>();
      outcomes.set(shard, promise);
      this.#underWay.add(shard);
      this.#place({ shard, source, sinceMs, end: resolve });
    }
    return outcomes;
  }

  mustFlyAlone(shard: Shard): boolean {
    return this.#uncommitted.has(shard);
  }

  /** Ends an append. An outcome of `undefined`: its source had nothing. */
  land(append: PendingAppend, outcome: AppendOutcome | undefined): void {
    const { shard } = append;
    this.#underWay.delete(shard);
    if (outcome?.kind === 'committed') this.#uncommitted.delete(shard);
    else if (outcome !== undefined) this.#uncommitted.add(shard);
    if (outcome !== undefined) this.parts.metrics.outcomes.add(1, { outcome: outcome.kind });
    append.end(outcome);
  }

  /** Where a shard should be now that its leader could not be reached. */
  strand(append: PendingAppend): void {
    this.parts.metadata.doubt(append.shard);
    this.#place(append);
  }

  #place(append: PendingAppend): void {
    if (this.#closing.signal.aborted) return this.land(append, unsent('log is closed'));
    const leader = this.parts.metadata.leaderOf(append.shard);
    if (leader === undefined) {
      this.#homeless.add(append);
      void this.#settleHomeless();
      return;
    }
    let lanes = this.#lanes.get(leader.brokerId);
    if (lanes === undefined) {
      lanes = new BrokerLanes(this, leader.brokerId);
      this.#lanes.set(leader.brokerId, lanes);
    }
    lanes.add(append);
  }

  async #settleHomeless(): Promise<void> {
    if (this.#isSettling) return;
    this.#isSettling = true;
    const { clock, metadata } = this.parts;
    while (this.#homeless.size > 0) {
      // Those that are stranded again and again must not turn this into a busy loop.
      const restMs = this.#nextLookAtMs - clock.monotonicMs();
      if (restMs > 0) await sleep(clock, restMs, this.#closing.signal).catch(() => undefined);
      this.#nextLookAtMs = clock.monotonicMs() + leaderRetryMs;
      // Calls made in one turn share a question.
      await new Promise(setImmediate);
      const asked = [...this.#homeless];
      await metadata
        .refresh(
          asked.map(({ shard }) => shard),
          this.#closing.signal,
        )
        .catch(() => undefined);
      for (const append of asked) this.#settle(append);
    }
    this.#isSettling = false;
  }

  #settle(append: PendingAppend): void {
    const { clock, metadata, brokers } = this.parts;
    const { shard, sinceMs } = append;
    const denial = metadata.denialOf(shard);
    const isLate = clock.monotonicMs() - sinceMs >= brokers.settings.leaderWaitMs;
    const isClosed = this.#closing.signal.aborted;
    if (metadata.leaderOf(shard) === undefined || isLate || isClosed) {
      if (denial === undefined && !isLate && !isClosed) return;
      this.#homeless.delete(append);
      const reason = denial?.message ?? 'no leader can be reached';
      this.land(append, unsent(reason, denial === undefined));
      return;
    }
    this.#homeless.delete(append);
    this.#place(append);
  }

  /** Waiting appends are given back unsent; those in flight end with their connections. */
  close(): void {
    this.#closing.abort();
    for (const lanes of this.#lanes.values()) lanes.close();
  }
}

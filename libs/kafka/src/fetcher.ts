// Reads of any number of shards, added and dropped while running, without a consumer group. A reader
// is fetched from the broker that leads its shard; when that is in doubt it waits here.

import {
  type Clock,
  Fault,
  type ReadChunk,
  type ReadOptions,
  type Shard,
  sleep,
} from '@tidemark/ports';
import type { BoundsAsker } from './bounds.ts';
import { BrokerFetches } from './broker-fetches.ts';
import type { Brokers } from './brokers.ts';
import { errorCodes, faultOf, faultReasonOf } from './errors.ts';
import { leaderRetryMs } from './limits.ts';
import type { ClusterMetadata } from './metadata.ts';
import { ShardReader } from './shard-reader.ts';

export interface FetcherParts {
  readonly clock: Clock;
  readonly brokers: Brokers;
  readonly metadata: ClusterMetadata;
  readonly bounds: BoundsAsker;
}

export class Fetcher {
  readonly parts: FetcherParts;
  readonly #fetches = new Map<number, BrokerFetches>();
  readonly #readers = new Set<ShardReader>();
  readonly #homeless = new Set<ShardReader>();
  readonly #closing = new AbortController();
  #isSettling = false;
  #nextLookAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: FetcherParts) {
    this.parts = parts;
  }

  async *read(shard: Shard, options: ReadOptions): AsyncGenerator<ReadChunk, void> {
    const { signal } = options;
    if (signal.aborted || this.#closing.signal.aborted) return;
    const reader = new ShardReader(shard, options);
    const onAbort = (): void => reader.end();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#readers.add(reader);
    this.#place(reader);
    try {
      for (;;) {
        const chunk = await reader.next(signal);
        if (chunk === undefined) return;
        // It may have been full until now.
        if (reader.loop === undefined && !reader.isEnded) this.#place(reader);
        yield chunk;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      reader.end();
      this.#readers.delete(reader);
      this.#homeless.delete(reader);
    }
  }

  #place(reader: ShardReader): void {
    if (this.#homeless.has(reader)) return;
    const leader = this.parts.metadata.leaderOf(reader.shard);
    if (leader === undefined) {
      this.#homeless.add(reader);
      void this.#settleHomeless();
      return;
    }
    let fetches = this.#fetches.get(leader.brokerId);
    if (fetches === undefined) {
      fetches = new BrokerFetches(this, leader.brokerId);
      this.#fetches.set(leader.brokerId, fetches);
    }
    fetches.add(reader);
  }

  /** Their broker cannot be reached, or leads them no more. */
  strand(readers: readonly ShardReader[]): void {
    for (const reader of readers) {
      this.parts.metadata.doubt(reader.shard);
      reader.loop?.remove(reader);
      if (!reader.isEnded) this.#place(reader);
    }
  }

  refuse(reader: ShardReader, errorCode: number): void {
    if (errorCode === errorCodes.offsetOutOfRange) {
      reader.loop?.remove(reader);
      void this.#judgeRange(reader);
      return;
    }
    const reason = faultReasonOf(errorCode);
    if (reason === 'denied' || reason === 'corrupt') {
      reader.fail(faultOf(errorCode, `shard cannot be read. shard=${reader.shard}`));
      return;
    }
    this.strand([reader]);
  }

  /**
   * Out of range is a Fault only where the bounds say so: a new leader may just not know its end. And only
   * where most brokers say who leads: a leader that was followed by another ends before what that one took.
   */
  async #judgeRange(reader: ShardReader): Promise<void> {
    const { bounds, clock, metadata } = this.parts;
    const { shard, position } = reader;
    metadata.doubt(shard);
    const known = await bounds
      .bounds([shard], this.#closing.signal)
      .then((answer) => answer.get(shard))
      .catch(() => undefined);
    if (reader.isEnded) return;
    if (known !== undefined && !(known instanceof Error)) {
      const at = `shard=${shard} from=${position} start=${known.start} end=${known.end}`;
      if (position < known.start) {
        return reader.fail(new Fault('below-start', `trimmed. ${at}`, { effect: 'none' }));
      }
      if (position > known.end && metadata.isToldByMost(shard)) {
        return reader.fail(new Fault('above-end', `beyond the end. ${at}`, { effect: 'none' }));
      }
    }
    await sleep(clock, leaderRetryMs, this.#closing.signal).catch(() => undefined);
    if (!reader.isEnded) this.strand([reader]);
  }

  async #settleHomeless(): Promise<void> {
    if (this.#isSettling) return;
    this.#isSettling = true;
    const { clock, metadata } = this.parts;
    const { signal } = this.#closing;
    while (this.#homeless.size > 0 && !signal.aborted) {
      const restMs = this.#nextLookAtMs - clock.monotonicMs();
      if (restMs > 0) await sleep(clock, restMs, signal).catch(() => undefined);
      this.#nextLookAtMs = clock.monotonicMs() + leaderRetryMs;
      // Calls made in one turn share a question.
      await new Promise(setImmediate);
      const asked = [...this.#homeless];
      await metadata
        .refresh(
          asked.map(({ shard }) => shard),
          signal,
        )
        .catch(() => undefined);
      for (const reader of asked) this.#settle(reader);
    }
    this.#isSettling = false;
  }

  #settle(reader: ShardReader): void {
    const { metadata } = this.parts;
    const denial = metadata.denialOf(reader.shard);
    const isLed = metadata.leaderOf(reader.shard) !== undefined;
    if (!isLed && denial === undefined && !reader.isEnded) return;
    this.#homeless.delete(reader);
    if (reader.isEnded) return;
    if (isLed) this.#place(reader);
    else if (denial !== undefined) reader.fail(denial);
  }

  close(): void {
    this.#closing.abort();
    for (const reader of this.#readers) {
      reader.fail(new Fault('unavailable', 'log is closed', { effect: 'none' }));
    }
  }
}

// The fetches from one broker. The first loop serves every reader that is at the tail, in one long
// fetch. A fetch that is out cannot be joined, so readers that come or have much to read are served by
// the other loops, in short fetches, until they have caught up and the first loop is between two.
// (Measured: a newcomer waits 20 ms at the most; with one loop it waited up to the 500 ms of the
// long fetch.)

import type { Shard } from '@tidemark/ports';
import type { Brokers } from './brokers.ts';
import type { BrokerConnection } from './connection.ts';
import { FetchLoop } from './fetch-loop.ts';
import { fetchLoopsPerBroker, joinWaitMs } from './limits.ts';
import type { ClusterMetadata } from './metadata.ts';
import type { ShardReader } from './shard-reader.ts';

/** Who has readers, and looks for another broker where this one does not serve them. */
interface FetchOwner {
  readonly parts: { readonly brokers: Brokers; readonly metadata: ClusterMetadata };
  strand(readers: readonly ShardReader[]): void;
  refuse(reader: ShardReader, errorCode: number): void;
}

export class BrokerFetches {
  readonly #fetcher: FetchOwner;
  readonly #brokerId: number;
  readonly #loops: FetchLoop[] = [];
  /** Readers of one shard beyond what the loops can serve at a time. */
  readonly #queued = new Set<ShardReader>();

  constructor(fetcher: FetchOwner, brokerId: number) {
    this.#fetcher = fetcher;
    this.#brokerId = brokerId;
  }

  get clientId(): string {
    return this.#fetcher.parts.brokers.settings.clientId;
  }

  add(reader: ShardReader): void {
    const loop = this.#loopFor(reader);
    if (loop === undefined) this.#queued.add(reader);
    else loop.add(reader);
  }

  #loopFor(reader: ShardReader): FetchLoop | undefined {
    const free = this.#loops.filter((loop) => !loop.readers.has(reader.shard));
    const prompt = free.find((loop) => !loop.isRunning || loop.waitMs <= joinWaitMs);
    if (prompt !== undefined) return prompt;
    if (this.#loops.length < fetchLoopsPerBroker) {
      const loop = new FetchLoop(this, this.#loops.length);
      this.#loops.push(loop);
      return loop;
    }
    return free[0];
  }

  connect(purpose: string): Promise<BrokerConnection> {
    return this.#fetcher.parts.brokers.to(this.#brokerId, purpose);
  }

  epochOf(shard: Shard): number {
    return this.#fetcher.parts.metadata.leaderOf(shard)?.epoch ?? -1;
  }

  adoptCaughtUp(first: FetchLoop): void {
    for (const loop of this.#loops) {
      if (loop === first) continue;
      for (const reader of loop.readers.values()) {
        if (reader.isCaughtUp && !first.readers.has(reader.shard)) first.add(reader);
      }
    }
    const queued = [...this.#queued];
    this.#queued.clear();
    for (const reader of queued) {
      if (!reader.isEnded) this.add(reader);
    }
  }

  /** Lets the first loop take over who has caught up, if it is not fetching. */
  wakeFirst(): void {
    const [first] = this.#loops;
    if (first !== undefined && !first.isRunning) this.adoptCaughtUp(first);
  }

  strand(readers: readonly ShardReader[]): void {
    this.#fetcher.strand(readers);
  }

  refuse(reader: ShardReader, errorCode: number): void {
    this.#fetcher.refuse(reader, errorCode);
  }
}

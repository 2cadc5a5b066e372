// A log, watched for what its callers only pass on: bytes that fail their checksum, whoever reads them
// and over whatever transport they were wanted, and a disk without room.

import {
  type AppendOutcome,
  type BatchSource,
  type EventLog,
  isFault,
  type ReadChunk,
  type ReadOptions,
  type Shard,
  type ShardBounds,
  type TopicSpec,
} from '@tidemark/ports';
import type { Alarms } from './alarms.ts';

const fullMs = 60_000;
const full = 'storage full';

export class WatchedLog implements EventLog {
  readonly #log: EventLog;
  readonly #alarms: Alarms;

  constructor(log: EventLog, alarms: Alarms) {
    this.#log = log;
    this.#alarms = alarms;
  }

  append(
    batches: ReadonlyMap<Shard, BatchSource>,
  ): ReadonlyMap<Shard, Promise<AppendOutcome | undefined>> {
    const outcomes = this.#log.append(batches);
    for (const outcome of outcomes.values()) outcome.then((told) => this.#hear(told), nothing);
    return outcomes;
  }

  #hear(outcome: AppendOutcome | undefined): void {
    if (outcome?.kind === 'committed') return this.#alarms.clear(full);
    if (outcome?.kind !== 'not-committed' || outcome.reason !== 'full') return;
    this.#alarms.raise(full, 'appends are refused, reads go on: make room', { forMs: fullMs });
  }

  async *read(shard: Shard, options: ReadOptions): AsyncIterable<ReadChunk> {
    try {
      yield* this.#log.read(shard, options);
    } catch (cause) {
      if (isFault(cause) && cause.reason === 'corrupt') {
        this.#alarms.raiseCorrupt(shard, cause);
      }
      throw cause;
    }
  }

  bounds(
    shards: readonly Shard[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Shard, ShardBounds | Error>> {
    return this.#log.bounds(shards, signal);
  }

  trim(shard: Shard, to: bigint, signal?: AbortSignal): Promise<void> {
    return this.#log.trim(shard, to, signal);
  }

  ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<{ readonly partitions: number }> {
    return this.#log.ensureTopic(spec, signal);
  }

  checkTopic(spec: TopicSpec, signal?: AbortSignal): Promise<void> {
    return this.#log.checkTopic(spec, signal);
  }

  growTopic(name: string, partitions: number, signal?: AbortSignal): Promise<void> {
    return this.#log.growTopic(name, partitions, signal);
  }

  topics(
    signal?: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly partitions: number }[]> {
    return this.#log.topics(signal);
  }

  assign(
    group: string,
    options: { readonly topics: readonly string[]; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Shard[]> {
    return this.#log.assign(group, options);
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#log[Symbol.asyncDispose]();
  }
}

const nothing = (): void => undefined;

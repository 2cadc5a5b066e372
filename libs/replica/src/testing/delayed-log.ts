// A log behind a way of a stated length: each process of a test has its own.

import type {
  AppendOutcome,
  BatchSource,
  Clock,
  EventLog,
  ReadChunk,
  ReadOptions,
  Shard,
  ShardBounds,
  TopicSpec,
} from '@tidemark/ports';
import type { RangeMs, SeededPrng } from '@tidemark/ports/testing';

export interface DelayedLogOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly prng: SeededPrng;
  /** One way; there and back takes two. */
  readonly wayMs: RangeMs;
}

/** A batch is sealed when it sets out, as it is where a request is formed before it travels. */
export class DelayedLog implements EventLog {
  readonly #options: DelayedLogOptions;

  constructor(options: DelayedLogOptions) {
    this.#options = options;
  }

  append(
    batches: ReadonlyMap<Shard, BatchSource>,
  ): ReadonlyMap<Shard, Promise<AppendOutcome | undefined>> {
    return new Map(
      Array.from(batches, ([shard, source]) => [shard, this.#appendOne(shard, source)]),
    );
  }

  async #appendOne(shard: Shard, source: BatchSource): Promise<AppendOutcome | undefined> {
    await Promise.resolve();
    const batch = source();
    if (batch.length === 0) return undefined;
    await this.#travel();
    const outcome = await this.#options.log.append(new Map([[shard, () => batch]])).get(shard);
    await this.#travel();
    return outcome;
  }

  async *read(shard: Shard, options: ReadOptions): AsyncIterable<ReadChunk> {
    for await (const chunk of this.#options.log.read(shard, options)) {
      await this.#travel();
      if (options.signal.aborted) return;
      yield chunk;
    }
  }

  async bounds(
    shards: readonly Shard[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Shard, ShardBounds | Error>> {
    await this.#travel();
    const answer = await this.#options.log.bounds(shards, signal);
    await this.#travel();
    return answer;
  }

  trim(shard: Shard, to: bigint, signal?: AbortSignal): Promise<void> {
    return this.#options.log.trim(shard, to, signal);
  }

  ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<{ readonly partitions: number }> {
    return this.#options.log.ensureTopic(spec, signal);
  }

  checkTopic(spec: TopicSpec, signal?: AbortSignal): Promise<void> {
    return this.#options.log.checkTopic(spec, signal);
  }

  growTopic(name: string, partitions: number, signal?: AbortSignal): Promise<void> {
    return this.#options.log.growTopic(name, partitions, signal);
  }

  topics(
    signal?: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly partitions: number }[]> {
    return this.#options.log.topics(signal);
  }

  assign(
    group: string,
    options: { readonly topics: readonly string[]; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Shard[]> {
    return this.#options.log.assign(group, options);
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#options.log[Symbol.asyncDispose]();
  }

  #travel(): Promise<void> {
    const { clock, prng, wayMs } = this.#options;
    return new Promise((resolve) => {
      clock.schedule(prng.within(wayMs), resolve);
    });
  }
}

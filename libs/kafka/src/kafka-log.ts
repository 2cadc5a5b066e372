import type {
  AppendOutcome,
  BatchSource,
  EventLog,
  ReadChunk,
  ReadOptions,
  Shard,
  ShardBounds,
  TopicSpec,
} from '@tidemark/ports';
import { Appender } from './appender.ts';
import { BoundsAsker } from './bounds.ts';
import { Brokers } from './brokers.ts';
import { Fetcher } from './fetcher.ts';
import { GroupMembership, type GroupOptions } from './group.ts';
import { ClusterMetadata } from './metadata.ts';
import { type AppendSabotage, appendMetricsOf, noSabotage } from './pending-append.ts';
import { type KafkaComponents, type KafkaSettings, resolveSettings } from './settings.ts';
import { Topics } from './topics.ts';

/** The log that Kafka keeps. Opening it speaks to nobody yet. */
export const openKafkaLog = (components: KafkaComponents, settings: KafkaSettings): EventLog =>
  new KafkaLog(components, settings, noSabotage);

export class KafkaLog implements EventLog {
  readonly #brokers: Brokers;
  readonly #metadata: ClusterMetadata;
  readonly #appender: Appender;
  readonly #bounds: BoundsAsker;
  readonly #fetcher: Fetcher;
  readonly #topics: Topics;
  readonly #components: KafkaComponents;

  constructor(components: KafkaComponents, settings: KafkaSettings, sabotage: AppendSabotage) {
    const { clock } = components;
    this.#components = components;
    const brokers = new Brokers(components, resolveSettings(settings));
    const metadata = new ClusterMetadata(clock, brokers);
    const bounds = new BoundsAsker(clock, brokers, metadata);
    this.#brokers = brokers;
    this.#metadata = metadata;
    this.#bounds = bounds;
    this.#appender = new Appender({
      clock,
      brokers,
      metadata,
      sabotage,
      metrics: appendMetricsOf(components.metrics),
    });
    this.#fetcher = new Fetcher({ clock, brokers, metadata, bounds });
    this.#topics = new Topics({ clock, brokers, metadata, bounds });
  }

  append(
    batches: ReadonlyMap<Shard, BatchSource>,
  ): ReadonlyMap<Shard, Promise<AppendOutcome | undefined>> {
    return this.#appender.append(batches);
  }

  read(shard: Shard, options: ReadOptions): AsyncIterable<ReadChunk> {
    return this.#fetcher.read(shard, options);
  }

  bounds(
    shards: readonly Shard[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Shard, ShardBounds | Error>> {
    return this.#bounds.bounds(shards, signal);
  }

  trim(shard: Shard, to: bigint, signal?: AbortSignal): Promise<void> {
    return this.#topics.trim(shard, to, signal);
  }

  ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<{ readonly partitions: number }> {
    return this.#topics.ensure(spec, signal);
  }

  checkTopic(spec: TopicSpec, signal?: AbortSignal): Promise<void> {
    return this.#topics.check(spec, signal);
  }

  growTopic(name: string, partitions: number, signal?: AbortSignal): Promise<void> {
    return this.#topics.grow(name, partitions, signal);
  }

  topics(
    signal?: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly partitions: number }[]> {
    return this.#topics.list(signal);
  }

  assign(group: string, options: GroupOptions): AsyncIterable<readonly Shard[]> {
    const parts = {
      clock: this.#components.clock,
      brokers: this.#brokers,
      metadata: this.#metadata,
    };
    return new GroupMembership(parts, group, options).assignments();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fetcher.close();
    this.#appender.close();
    await this.#brokers[Symbol.asyncDispose]();
  }
}

// Topics: created, checked, grown, listed, trimmed. Done rarely, so with kafkajs' own requests.

import {
  Fault,
  isFault,
  partitionOfShard,
  type Shard,
  shardOf,
  sleep,
  type TopicSpec,
  throwIfAborted,
  topicOf,
} from '@tidemark/ports';
import { assert } from '@tidemark/std';
import type { BrokerConnection } from './connection.ts';
import { errorCodes, faultOf, isLeadershipError } from './errors.ts';
import type { FetcherParts } from './fetcher.ts';
import { callOf } from './kafkajs-internals.ts';
import { leaderRetryMs } from './limits.ts';
import { orAborted } from './metadata.ts';
import type { TopicMetadata } from './metadata-request.ts';
import { topicConfigOf, weaknessesOf } from './topic-settings.ts';

interface TopicErrors {
  readonly topicErrors: readonly {
    readonly errorCode: number;
    readonly errorMessage: string | null;
  }[];
}

interface DescribedConfigs {
  readonly resources: readonly {
    readonly errorCode: number;
    readonly configEntries: readonly {
      readonly configName: string;
      readonly configValue: string | null;
    }[];
  }[];
}

interface DeletedRecords {
  readonly topics: readonly {
    readonly partitions: readonly { readonly errorCode: number }[];
  }[];
}

type Asked = readonly [name: string, version: number, args: object];

const topicResource = 2;

export class Topics {
  readonly #parts: FetcherParts;

  constructor(parts: FetcherParts) {
    this.#parts = parts;
  }

  async ensure(spec: TopicSpec, signal?: AbortSignal): Promise<{ readonly partitions: number }> {
    throwIfAborted(signal);
    const { name } = spec;
    const known = await this.#existing(name, signal);
    // Of a topic that the broker asked had not heard of, any number may be there.
    const made = known === undefined && (await this.#create(spec, signal)) ? spec.partitions : 1;
    const topic = await this.#whole(name, known?.partitions.length ?? made, signal);
    await this.#checkSettings(spec, topic, signal);
    return { partitions: topic.partitions.length };
  }

  async check(spec: TopicSpec, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const { metadata } = this.#parts;
    const topic = await this.#retried(async () => {
      const known = await this.#existing(spec.name, signal);
      // A broker may not have heard of it yet.
      const denial = (): Fault => metadata.denialOf(shardOf(spec.name, 0)) ?? noLeader(spec.name);
      if (known === undefined) throw denial();
      return known;
    }, signal);
    await this.#checkSettings(spec, topic, signal);
  }

  /** Asked for by its name: a cluster may have very many others. */
  #existing(name: string, signal?: AbortSignal): Promise<TopicMetadata | undefined> {
    const { metadata } = this.#parts;
    return this.#retried(async () => {
      await metadata.refreshTopics([name], signal);
      const topic = metadata.topic(name);
      return topic?.errorCode === errorCodes.none ? topic : undefined;
    }, signal);
  }

  /** False where somebody else was first: what is there is checked all the same. */
  async #create(spec: TopicSpec, signal?: AbortSignal): Promise<boolean> {
    const { settings } = this.#parts.brokers;
    const config = topicConfigOf({ ...settings, durability: spec.durability });
    const args = {
      topics: [
        {
          topic: spec.name,
          numPartitions: spec.partitions,
          replicationFactor: settings.replicationFactor,
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
        },
      ],
      timeout: settings.requestTimeoutMs,
    };
    const answer = await this.#ask<TopicErrors>(['CreateTopics', 3, args], signal);
    const [failure] = answer.topicErrors;
    const code = failure?.errorCode ?? errorCodes.none;
    if (code === errorCodes.none) return true;
    if (code === errorCodes.topicAlreadyExists) return false;
    throw faultOf(
      code,
      `topic cannot be created. topic=${spec.name} ${failure?.errorMessage ?? ''}`,
    );
  }

  /** Waits until the topic has so many partitions, and their leaders know that they lead them. */
  async #whole(name: string, partitions: number, signal?: AbortSignal): Promise<TopicMetadata> {
    const { clock, metadata, brokers } = this.#parts;
    const deadlineMs = clock.monotonicMs() + 2 * brokers.settings.requestTimeoutMs;
    for (;;) {
      await metadata.refreshTopics([name], signal).catch(() => throwIfAborted(signal));
      const topic = metadata.topic(name);
      const count = topic?.partitions.length ?? 0;
      if (topic !== undefined && count >= partitions && (await this.#isServed(topic, signal))) {
        return topic;
      }
      if (clock.monotonicMs() > deadlineMs) {
        throw new Fault('unavailable', `topic has no leaders. topic=${name}`, {
          effect: 'unknown',
        });
      }
      await sleep(clock, leaderRetryMs, signal);
    }
  }

  async #isServed(topic: TopicMetadata, signal?: AbortSignal): Promise<boolean> {
    const shards = topic.partitions.map(({ partition }) => shardOf(topic.name, partition));
    const bounds = await this.#parts.bounds.bounds(shards, signal);
    return [...bounds.values()].every((known) => !(known instanceof Error));
  }

  async #checkSettings(spec: TopicSpec, topic: TopicMetadata, signal?: AbortSignal): Promise<void> {
    const { settings } = this.#parts.brokers;
    const promise = { ...settings, durability: spec.durability };
    const config = await this.#retried(
      () => this.#describe(spec.name, Object.keys(topicConfigOf(promise))),
      signal,
    );
    const replicaCount = Math.min(...topic.partitions.map((partition) => partition.replicaCount));
    const weaknesses = weaknessesOf(config, replicaCount, promise);
    if (weaknesses.length === 0) return;
    const what = `topic keeps less than was promised. topic=${spec.name}: ${weaknesses.join('; ')}`;
    throw new Fault('unsafe', what, { effect: 'none' });
  }

  /** Of a topic that was found. */
  async #describe(
    name: string,
    configNames: readonly string[],
  ): Promise<ReadonlyMap<string, string>> {
    const args = { resources: [{ type: topicResource, name, configNames }] };
    const { resources } = await this.#askOnce<DescribedConfigs>(['DescribeConfigs', 2, args]);
    const { errorCode, configEntries } = resources[0] ?? { errorCode: -1, configEntries: [] };
    const message = `topic is not described. topic=${name}`;
    if (errorCode === errorCodes.unknownTopicOrPartition) {
      // This broker has not heard of it yet.
      throw new Fault('unavailable', message, { effect: 'none' });
    }
    if (errorCode !== errorCodes.none) throw faultOf(errorCode, message);
    return new Map(
      configEntries.map(({ configName: key, configValue }) => [key, configValue ?? '']),
    );
  }

  async grow(name: string, partitions: number, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const topic = await this.#existing(name, signal);
    if (topic === undefined) throw notThere(name);
    const before = topic.partitions.length;
    assert(partitions >= before, `a topic does not shrink. partitions=${before}`);
    if (partitions > before) {
      const args = { topicPartitions: [{ topic: name, count: partitions }] };
      const answer = await this.#ask<TopicErrors>(['CreatePartitions', 1, args], signal);
      const code = answer.topicErrors[0]?.errorCode ?? errorCodes.none;
      if (code !== errorCodes.none) throw faultOf(code, `topic cannot grow. topic=${name}`);
    }
    await this.#whole(name, partitions, signal);
  }

  async list(
    signal?: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly partitions: number }[]> {
    throwIfAborted(signal);
    const topics = await this.#retried(() => this.#parts.metadata.allTopics(signal), signal);
    return topics.map(({ name, partitions }) => ({ name, partitions: partitions.length }));
  }

  async trim(shard: Shard, to: bigint, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const { metadata, brokers } = this.#parts;
    const { requestTimeoutMs } = brokers.settings;
    const partitions = [{ partition: partitionOfShard(shard), offset: String(to) }];
    const args = { topics: [{ topic: topicOf(shard), partitions }], timeout: requestTimeoutMs };
    const attempt = async (): Promise<void> => {
      if (metadata.leaderOf(shard) === undefined) await metadata.refresh([shard], signal);
      const leader = metadata.leaderOf(shard);
      if (leader === undefined) throw metadata.denialOf(shard) ?? noLeader(shard);
      const connection = await brokers.to(leader.brokerId, 'admin');
      const call = callOf('DeleteRecords', 1, args);
      const answer = (await connection.call(call, 2 * requestTimeoutMs)) as DeletedRecords;
      const code = answer.topics[0]?.partitions[0]?.errorCode ?? errorCodes.none;
      if (isLeadershipError(code)) {
        metadata.doubt(shard);
        throw noLeader(shard);
      }
      if (code !== errorCodes.none) throw faultOf(code, `shard is not trimmed. shard=${shard}`);
    };
    // Trimming to where it is trimmed already changes nothing, so it can be repeated.
    await this.#retried(attempt, signal).catch((cause: unknown) => {
      metadata.doubt(shard);
      throw cause;
    });
  }

  #ask<T>(asked: Asked, signal?: AbortSignal): Promise<T> {
    return this.#retried(() => this.#askOnce<T>(asked), signal);
  }

  async #askOnce<T>([name, version, args]: Asked): Promise<T> {
    const { brokers } = this.#parts;
    const connection: BrokerConnection = await brokers.control();
    const call = callOf(name, version, args);
    return (await connection.call(call, 2 * brokers.settings.requestTimeoutMs)) as T;
  }

  /** All of these can be repeated: what was done once is there, and is then looked at. */
  async #retried<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { clock, brokers } = this.#parts;
    const deadlineMs = clock.monotonicMs() + 2 * brokers.settings.requestTimeoutMs;
    for (;;) {
      try {
        return await orAborted(run(), signal);
      } catch (cause) {
        if (isFault(cause) && cause.reason !== 'unavailable') throw cause;
        brokers.tryAnother();
        if (clock.monotonicMs() < deadlineMs) await sleep(clock, leaderRetryMs, signal);
        else if (isFault(cause)) throw cause;
        else throw new Fault('unavailable', 'brokers do not answer', { effect: 'unknown', cause });
      }
    }
  }
}

const noLeader = (what: string): Fault =>
  new Fault('unavailable', `no leader is known. of=${what}`, { effect: 'none' });

const notThere = (name: string): Fault =>
  new Fault('missing', `topic is not there. topic=${name}`, { effect: 'none' });

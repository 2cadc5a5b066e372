// Who leads what, as far as it is known. kafkajs keeps this for all topics at once and walks through
// them at each send, which is quadratic; here a topic is asked for when it is first used or in doubt,
// and many topics share one question.
//
// (1) An answer is joined only by those who asked before its question was sent.
// (2) A leader in doubt is not given out before it was asked for again.
// (3) A leader that a newer one is known to have followed is not believed: whoever tells of it lags behind,
//     and it may not know of its fall itself. Only a topic that was made again begins with lower epochs,
//     and that is told by most brokers, for longer than they lag. A few that are cut off from the others
//     may tell of the old leader for as long as they are.

import {
  abortedFault,
  type Clock,
  Fault,
  partitionOfShard,
  type Shard,
  topicOf,
} from '@tidemark/ports';
import { Questions } from '@tidemark/std';
import type { Brokers } from './brokers.ts';
import { errorCodes, errorNameOf, faultReasonOf } from './errors.ts';
import { missingAfterMs, olderForMs } from './limits.ts';
import type { PartitionMetadata, TopicMetadata } from './metadata-request.ts';
import { askAny, type Survey, surveyTopics } from './metadata-survey.ts';

export interface Leader {
  readonly brokerId: number;
  readonly epoch: number;
}

export class ClusterMetadata {
  readonly #brokers: Brokers;
  readonly #clock: Clock;
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #doubted = new Set<Shard>();
  /** Since when brokers say that a topic is not there. */
  readonly #deniedSince = new Map<string, number>();
  /** Since when brokers tell older leaders of a topic than are known. */
  readonly #olderSince = new Map<string, number>();
  /** Topics of which not even half of the brokers told when they were last asked. */
  readonly #toldByFew = new Set<string>();
  readonly #questions = new Questions<'metadata', string, void>(
    async (_, topics) => this.#take(await surveyTopics(this.#clock, this.#brokers, [...topics])),
    // Calls of the same turn share a question.
    () => new Promise(setImmediate),
  );

  constructor(clock: Clock, brokers: Brokers) {
    this.#clock = clock;
    this.#brokers = brokers;
  }

  leaderOf(shard: Shard): Leader | undefined {
    if (this.#doubted.has(shard)) return undefined;
    const known = this.#partitionOf(shard);
    if (known === undefined || known.leaderId < 0) return undefined;
    return { brokerId: known.leaderId, epoch: known.leaderEpoch };
  }

  #partitionOf(shard: Shard): PartitionMetadata | undefined {
    const partitions = this.#topics.get(topicOf(shard))?.partitions;
    const partition = partitionOfShard(shard);
    const there = partitions?.[partition];
    return there?.partition === partition ? there : undefined;
  }

  doubt(shard: Shard): void {
    this.#doubted.add(shard);
  }

  /** Whether most brokers told of it when they were last asked, so that its leader is the last one. */
  isToldByMost(shard: Shard): boolean {
    return this.#topics.has(topicOf(shard)) && !this.#toldByFew.has(topicOf(shard));
  }

  /** The Fault of a shard that brokers have denied for long enough to believe it. */
  denialOf(shard: Shard): Fault | undefined {
    const topic = topicOf(shard);
    const code = this.#topics.get(topic)?.errorCode ?? errorCodes.none;
    const reason = faultReasonOf(code);
    if (reason === 'denied') {
      return new Fault('denied', `${errorNameOf(code)}. topic=${topic}`, { effect: 'none' });
    }
    const since = this.#deniedSince.get(topic) ?? this.#deniedSince.get(shard);
    if (since === undefined || this.#clock.monotonicMs() - since < missingAfterMs) return undefined;
    return new Fault('missing', `shard is not there. shard=${shard}`, { effect: 'none' });
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  /** Asks the brokers for these shards' topics. Rejects with a Fault where nobody answers. */
  async refresh(shards: readonly Shard[], signal?: AbortSignal): Promise<void> {
    await this.refreshTopics(new Set(shards.map(topicOf)), signal);
    const nowMs = this.#clock.monotonicMs();
    for (const shard of shards) {
      this.#doubted.delete(shard);
      if (this.#partitionOf(shard) !== undefined) this.#deniedSince.delete(shard);
      else if (!this.#deniedSince.has(shard)) this.#deniedSince.set(shard, nowMs);
    }
  }

  async refreshTopics(topics: Iterable<string>, signal?: AbortSignal): Promise<void> {
    await orAborted(this.#questions.join('metadata', topics), signal);
  }

  /** All topics of the cluster but its internal ones. */
  async allTopics(signal?: AbortSignal): Promise<readonly TopicMetadata[]> {
    const answer = await orAborted(askAny(this.#brokers, 'all'), signal);
    return answer.topics.filter(({ isInternal }) => !isInternal);
  }

  #take({ topics, isByMost }: Survey): void {
    const nowMs = this.#clock.monotonicMs();
    for (const topic of topics) {
      if (isByMost) this.#toldByFew.delete(topic.name);
      else this.#toldByFew.add(topic.name);
      if (this.#isOlder(topic, isByMost, nowMs)) continue;
      this.#topics.set(topic.name, topic);
      if (topic.errorCode === errorCodes.none) this.#deniedSince.delete(topic.name);
      else if (!this.#deniedSince.has(topic.name)) this.#deniedSince.set(topic.name, nowMs);
    }
  }

  /** Invariant 3. */
  #isOlder(topic: TopicMetadata, isByMost: boolean, nowMs: number): boolean {
    const known = this.#topics.get(topic.name);
    if (known === undefined || !tellsOlder(topic, known)) {
      this.#olderSince.delete(topic.name);
      return false;
    }
    if (!isByMost) return true;
    const sinceMs = this.#olderSince.get(topic.name) ?? nowMs;
    this.#olderSince.set(topic.name, sinceMs);
    if (nowMs - sinceMs < olderForMs) return true;
    this.#olderSince.delete(topic.name);
    return false;
  }
}

/** Of some partition another leader than the one that it is known to have had since. */
const tellsOlder = (told: TopicMetadata, known: TopicMetadata): boolean =>
  told.partitions.some(({ partition, leaderEpoch }) => {
    const before = known.partitions[partition];
    const isSame = before?.partition === partition && leaderEpoch >= 0;
    return isSame && leaderEpoch < before.leaderEpoch;
  });

/** The promise's outcome, unless the signal fires first. */
export async function orAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) {
    promise.catch(() => undefined);
    throw abortedFault(signal);
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(abortedFault(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

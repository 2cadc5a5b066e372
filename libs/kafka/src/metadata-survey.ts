// What brokers know of topics, asked of all of them at once. One alone may be cut off from the others, or
// have hung until just now: it tells what was before, and may itself be a leader that was followed by
// another. Those who hold an acknowledged record have heard of the leader that took it, so where every
// broker holds a replica, more than half of the brokers never all lag behind it.

import { type Clock, Fault, isFault } from '@tidemark/ports';
import type { Brokers } from './brokers.ts';
import type { BrokerConnection } from './connection.ts';
import { questionTimeoutMs, surveyWaitMs } from './limits.ts';
import {
  decodeMetadata,
  type MetadataAnswer,
  metadataRequest,
  type PartitionMetadata,
  type TopicMetadata,
} from './metadata-request.ts';

export interface Survey {
  /** Of each partition the newest leader that was told. */
  readonly topics: readonly TopicMetadata[];
  /** More than half of the brokers have told. */
  readonly isByMost: boolean;
}

/** Rejects with a Fault where nobody answers. */
export async function surveyTopics(
  clock: Clock,
  brokers: Brokers,
  names: readonly string[],
): Promise<Survey> {
  const survey = await askEach(clock, brokers, names);
  if (survey !== undefined) return survey;
  // Nobody is known yet, or they are all elsewhere by now.
  await askAny(brokers, []);
  const again = await askEach(clock, brokers, names);
  if (again !== undefined) return again;
  throw new Fault('unavailable', 'no broker tells its metadata', { effect: 'none' });
}

/** Of one broker, whichever it is. */
export async function askAny(
  brokers: Brokers,
  names: readonly string[] | 'all',
): Promise<MetadataAnswer> {
  try {
    return await ask(brokers, brokers.control(), names);
  } catch (cause) {
    brokers.tryAnother();
    if (isFault(cause)) throw cause;
    throw new Fault('unavailable', 'no broker tells its metadata', { effect: 'none', cause });
  }
}

async function ask(
  brokers: Brokers,
  connecting: Promise<BrokerConnection>,
  names: readonly string[] | 'all',
): Promise<MetadataAnswer> {
  const frame = metadataRequest(brokers.settings.clientId, names);
  const connection = await connecting;
  const answer = decodeMetadata(await connection.request(frame, questionTimeoutMs));
  brokers.learn(answer.brokers);
  return answer;
}

/** Ends with more than half of the answers, or with those that came in time; undefined: with none. */
function askEach(
  clock: Clock,
  brokers: Brokers,
  names: readonly string[],
): Promise<Survey | undefined> {
  const { ids } = brokers;
  const answers: MetadataAnswer[] = [];
  const { promise, resolve } = Promise.withResolvers<Survey | undefined>();
  let openCount = ids.length;
  let waiting: { cancel(): void } | undefined;
  const end = (): void => {
    waiting?.cancel();
    resolve(answers.length === 0 ? undefined : surveyOf(ids, answers));
  };
  const take = (answer: MetadataAnswer): void => {
    answers.push(answer);
    waiting ??= clock.schedule(surveyWaitMs, end);
  };
  for (const id of ids) {
    void ask(brokers, brokers.to(id, 'metadata'), names)
      .then(take, () => undefined)
      .then(() => {
        openCount -= 1;
        if (openCount === 0 || surveyOf(ids, answers).isByMost) end();
      });
  }
  if (openCount === 0) end();
  return promise;
}

function surveyOf(asked: readonly number[], answers: readonly MetadataAnswer[]): Survey {
  const ids = new Set(asked);
  const topics = new Map<string, TopicMetadata>();
  for (const answer of answers) {
    for (const id of answer.brokers.keys()) ids.add(id);
    for (const topic of answer.topics) {
      const before = topics.get(topic.name);
      topics.set(topic.name, before === undefined ? topic : newerOf(before, topic));
    }
  }
  return { topics: [...topics.values()], isByMost: answers.length * 2 > ids.size };
}

/** Who knows a topic has heard more than who does not. */
function newerOf(one: TopicMetadata, other: TopicMetadata): TopicMetadata {
  const [longer, shorter] =
    other.partitions.length > one.partitions.length ? [other, one] : [one, other];
  const also = new Map(shorter.partitions.map((partition) => [partition.partition, partition]));
  const partitions = longer.partitions.map((partition) =>
    newestOf(partition, also.get(partition.partition)),
  );
  return { ...longer, partitions };
}

const newestOf = (
  one: PartitionMetadata,
  other: PartitionMetadata | undefined,
): PartitionMetadata => (other !== undefined && other.leaderEpoch > one.leaderEpoch ? other : one);

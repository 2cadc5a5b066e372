// What a topic must be for our promises to hold, and what of it is weaker.

import { batchBytesMax, type Durability } from '@tidemark/ports';

export interface TopicPromise {
  readonly durability: Durability;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
}

/** As a topic is created. */
export function topicConfigOf(promise: TopicPromise): Readonly<Record<string, string>> {
  return {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'min.insync.replicas': String(promise.minInsyncReplicas),
    'unclean.leader.election.enable': 'false',
    'message.timestamp.type': 'CreateTime',
    'max.message.bytes': String(batchBytesMax),
    ...(promise.durability === 'fsynced' ? { 'flush.messages': '1' } : {}),
  };
}

/** Settings by which a topic keeps less than was promised; none where it keeps as much or more. */
export function weaknessesOf(
  config: ReadonlyMap<string, string>,
  replicaCount: number,
  promise: TopicPromise,
): readonly string[] {
  const weaknesses: string[] = [];
  for (const [name, expected] of Object.entries(topicConfigOf(promise))) {
    const actual = config.get(name);
    const isAtLeast = name === 'min.insync.replicas' || name === 'max.message.bytes';
    const holds = isAtLeast ? Number(actual) >= Number(expected) : actual === expected;
    if (!holds) weaknesses.push(`${name} is ${actual ?? 'not told'}, must be ${expected}`);
  }
  if (replicaCount < promise.replicationFactor) {
    const expected = promise.replicationFactor;
    weaknesses.push(`replication.factor is ${replicaCount}, must be ${expected}`);
  }
  return weaknesses;
}

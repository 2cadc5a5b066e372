import { describe, expect, test } from 'vitest';
import { topicConfigOf, weaknessesOf } from './topic-settings.ts';

const promise = { durability: 'replicated', replicationFactor: 3, minInsyncReplicas: 2 } as const;
const fsynced = { ...promise, durability: 'fsynced' } as const;
const configOf = (changed: Readonly<Record<string, string>> = {}) =>
  new Map(Object.entries({ ...topicConfigOf(promise), ...changed }));

describe('weaknessesOf', () => {
  test('finds none in a topic as it is created', () => {
    expect(weaknessesOf(configOf(), 3, promise)).toEqual([]);
    expect(weaknessesOf(new Map(Object.entries(topicConfigOf(fsynced))), 3, fsynced)).toEqual([]);
  });

  test('takes stronger settings', () => {
    const config = configOf({ 'min.insync.replicas': '3', 'max.message.bytes': '20000000' });
    expect(weaknessesOf(config, 5, promise)).toEqual([]);
  });

  test.each([
    ['cleanup.policy', 'compact'],
    ['cleanup.policy', 'compact,delete'],
    ['retention.ms', '604800000'],
    ['retention.bytes', '1000'],
    ['min.insync.replicas', '1'],
    ['unclean.leader.election.enable', 'true'],
    ['message.timestamp.type', 'LogAppendTime'],
    ['max.message.bytes', '1048588'],
  ])('names %s = %s', (name, value) => {
    const [weakness, ...more] = weaknessesOf(configOf({ [name]: value }), 3, promise);
    expect(weakness).toMatch(`${name} is ${value}, must be`);
    expect(more).toEqual([]);
  });

  test('names a setting that is not told, and too few replicas', () => {
    const config = configOf();
    config.delete('retention.ms');
    expect(weaknessesOf(config, 2, promise)).toEqual([
      'retention.ms is not told, must be -1',
      'replication.factor is 2, must be 3',
    ]);
  });

  test('asks for a sync of each message only where that is promised', () => {
    expect(weaknessesOf(configOf(), 3, fsynced)).toEqual(['flush.messages is not told, must be 1']);
  });
});

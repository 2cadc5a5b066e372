import { expect, test } from 'vitest';
import { startStubBroker } from './testing/stub-broker.ts';
import { openSabotagedKafkaLog, realComponents } from './testing.ts';

test('a topic is asked for by its name, however many others the cluster has', async () => {
  const topics = new Map(Array.from({ length: 1_000 }, (_, index) => [`t-${index}`, 1]));
  await using stub = await startStubBroker({ topics });
  const settings = { brokers: [stub.address], requestTimeoutMs: 100 };
  await using log = openSabotagedKafkaLog(realComponents, settings, {});
  const spec = { name: 't-7', partitions: 1, durability: 'replicated' } as const;
  // It is found, and judged: a topic without settings keeps less than was promised.
  await expect(log.ensureTopic(spec)).rejects.toMatchObject({ reason: 'unsafe' });
  await expect(log.checkTopic(spec)).rejects.toMatchObject({ reason: 'unsafe' });
  expect(new Set(stub.metadataRequests)).toEqual(new Set([1]));
});

test('a broker that has not heard of a topic yet is asked again for its settings', async () => {
  const onDescribe = (question: number): number => (question === 1 ? 3 : 0);
  await using stub = await startStubBroker({ topics: new Map([['young', 1]]), onDescribe });
  await using log = openSabotagedKafkaLog(realComponents, { brokers: [stub.address] }, {});
  const spec = { name: 'young', partitions: 1, durability: 'replicated' } as const;
  await expect(log.ensureTopic(spec)).rejects.toMatchObject({ reason: 'unsafe' });
  expect(stub.describeRequests).toBe(2);
});

import { expect, test } from 'vitest';
import { startStubBroker } from './testing/stub-broker.ts';
import { openSabotagedKafkaLog, realComponents } from './testing.ts';

test('a topic is asked for by its name, however many others the cluster has', async () => {
  const topics = new Map(Array.from({ length: 1_000 }, (_, index) => [`t-${index}`, 1]));
  await using stub = await startStubBroker({ topics });
  const settings = { brokers: [stub.address], requestTimeoutMs: 100 };
  await using log = openSabotagedKafkaLog(realComponents, settings, {});
  const spec = { name: 't-7', partitions: 1, durability: 'replicated' } as const;
  // The broker of this test describes no settings: what is there is found, and not judged.
  await expect(log.ensureTopic(spec)).rejects.toMatchObject({ reason: 'unavailable' });
  await expect(log.checkTopic(spec)).rejects.toMatchObject({ reason: 'unavailable' });
  expect(new Set(stub.metadataRequests)).toEqual(new Set([1]));
});

import { partitionOfShard, type Shard, topicOf } from '@tidemark/ports';
import { Kafka, logLevel } from 'kafkajs';

/** As kafkajs' own admin client tells it, so that a test does not ask the code it tests. */
export async function leadersOf(
  brokers: readonly string[],
  shard: Shard,
): Promise<{ readonly leaderId: number; readonly replicaIds: readonly number[] }> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topicOf(shard)] });
    const partition = topics[0]?.partitions.find(
      ({ partitionId }) => partitionId === partitionOfShard(shard),
    );
    return { leaderId: partition?.leader ?? -1, replicaIds: partition?.replicas ?? [] };
  } finally {
    await admin.disconnect();
  }
}

import { Kafka, logLevel } from 'kafkajs';

const deleteTimeoutMs = 60_000;

/** Brokers that several suites share go on paying for what one leaves behind. */
export async function dropTopics(
  bootstrap: readonly string[],
  isDropped: (name: string) => boolean,
): Promise<void> {
  const admin = new Kafka({
    brokers: [...bootstrap],
    logLevel: logLevel.NOTHING,
    requestTimeout: deleteTimeoutMs,
  }).admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter(isDropped);
  await admin.deleteTopics({ topics, timeout: deleteTimeoutMs });
  await admin.disconnect();
}

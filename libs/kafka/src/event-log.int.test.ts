import { kafkaForTests } from '@tidemark/infra';
import { describeEventLog } from '@tidemark/ports/testing';
import { openKafkaLog } from './index.ts';
import { dropTopics } from './testing/drop-topics.ts';
import { realComponents } from './testing.ts';

describeEventLog('Kafka', async () => {
  const kafka = await kafkaForTests();
  process.stdout.write(
    `brokers: ${JSON.stringify(kafka.brokers.map(({ id, pid }) => ({ id, pid })))}\n`,
  );
  // A thousand new partitions keep small brokers busy: how quick they are is not what is tested.
  const patient = { produceTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
  const settings = { brokers: kafka.bootstrap, ...patient };
  const log = openKafkaLog(realComponents, settings);
  const secondHandle = openKafkaLog(realComponents, settings);
  return {
    log,
    secondHandle,
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await secondHandle[Symbol.asyncDispose]();
      await dropTopics(kafka.bootstrap, (name) => name.endsWith('-wide'));
      await kafka[Symbol.asyncDispose]();
    },
  };
});

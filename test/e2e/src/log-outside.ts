// The log as a stranger reads it: a plain Kafka client, and the rule in docs/FORMAT.md.

import { Kafka, logLevel } from 'kafkajs';

export interface OutsideView {
  readonly records: number;
  readonly voids: number;
  /** Events that stand, by record key, in order. */
  readonly events: ReadonlyMap<string, readonly string[]>;
}

interface Chain {
  rev: number;
  prev: string | undefined;
}

export const kafkaClient = (bootstrap: readonly string[]): Kafka =>
  new Kafka({ clientId: 'outside', brokers: [...bootstrap], logLevel: logLevel.NOTHING });

/** Reads a topic of one partition to its present end. */
export async function readOutside(
  bootstrap: readonly string[],
  { topic, prefix }: { readonly topic: string; readonly prefix: string },
): Promise<OutsideView> {
  const kafka = kafkaClient(bootstrap);
  const admin = kafka.admin();
  await admin.connect();
  const [bounds] = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const end = BigInt(bounds?.high ?? '0');
  const consumer = kafka.consumer({ groupId: `outside-${prefix}`, maxWaitTimeInMs: 100 });
  const chains = new Map<string, Chain>();
  const events = new Map<string, string[]>();
  let records = 0;
  let voids = 0;
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message }) => {
      const key = message.key?.toString() ?? '';
      const header = (name: string): string | undefined => message.headers?.[name]?.toString();
      if (key.startsWith(prefix)) {
        records += 1;
        const chain = chains.get(key) ?? { rev: 0, prev: undefined };
        const isNext = header('rev') === String(chain.rev) && header('prev') === chain.prev;
        if (header('v') === '1' && isNext) {
          chains.set(key, { rev: chain.rev + 1, prev: header('id') });
          if (header('kind') === 'event') {
            const list = events.get(key) ?? [];
            list.push(message.value?.toString() ?? '');
            events.set(key, list);
          }
        } else {
          voids += 1;
        }
      }
      if (BigInt(message.offset) + 1n >= end) finish();
      return Promise.resolve();
    },
  });
  await finished;
  await consumer.disconnect();
  return { records, voids, events };
}

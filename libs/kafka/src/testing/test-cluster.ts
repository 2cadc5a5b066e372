import {
  type KafkaBroker,
  type KafkaCluster,
  type KafkaOptions,
  startKafka,
} from '@tidemark/infra';
import { type EventLog, type Shard, shardOf } from '@tidemark/ports';
import { present } from '@tidemark/std';
import type { AppendSabotage } from '../pending-append.ts';
import type { KafkaSettings } from '../settings.ts';
import { openSabotagedKafkaLog, realComponents } from '../testing.ts';
import { leadersOf } from './leaders.ts';

/** A cluster of the test's own, to hurt, and logs on it that close with it. */
export class TestCluster implements AsyncDisposable {
  readonly kafka: KafkaCluster;
  readonly #logs: EventLog[] = [];
  #topicCount = 0;

  private constructor(kafka: KafkaCluster) {
    this.kafka = kafka;
  }

  static async start(options: KafkaOptions = {}): Promise<TestCluster> {
    const kafka = await startKafka(options);
    const brokers = kafka.brokers.map(({ id, pid }) => ({ id, pid }));
    const controller = await kafka.activeController();
    process.stdout.write(`brokers: ${JSON.stringify(brokers)} controller: ${controller}\n`);
    return new TestCluster(kafka);
  }

  open(settings: Partial<KafkaSettings> = {}, sabotage: Partial<AppendSabotage> = {}): EventLog {
    const whole = { brokers: this.kafka.bootstrap, ...settings };
    const log = openSabotagedKafkaLog(realComponents, whole, sabotage);
    this.#logs.push(log);
    return log;
  }

  /** Shards of a new topic. */
  async shards(partitions: number, settings: Partial<KafkaSettings> = {}): Promise<Shard[]> {
    this.#topicCount += 1;
    const name = `t${this.#topicCount}-${Date.now()}`;
    await this.open(settings).ensureTopic({ name, partitions, durability: 'replicated' });
    return Array.from({ length: partitions }, (_, partition) => shardOf(name, partition));
  }

  /** The broker that leads the shard, with its replicas. */
  async leaderOf(shard: Shard): Promise<KafkaBroker> {
    return this.broker((await leadersOf(this.kafka.bootstrap, shard)).leaderId);
  }

  async replicasOf(shard: Shard): Promise<readonly KafkaBroker[]> {
    const { replicaIds } = await leadersOf(this.kafka.bootstrap, shard);
    return replicaIds.map((id) => this.broker(id));
  }

  broker(id: number): KafkaBroker {
    return present(
      this.kafka.brokers.find((broker) => broker.id === id),
      `broker ${id}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const log of this.#logs) await log[Symbol.asyncDispose]();
    await this.kafka.stop();
  }
}

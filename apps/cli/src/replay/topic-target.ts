// Events to a topic of Kafka: with the key of their session and at its place by it, in their order and with their
// times. The value is the event; headers say `tenant`, `session`, `seq`, `id` and `type`. Where it is not known whether
// a batch arrived it is sent again, so that a record may be there twice: by session and seq it is known.

import { setTimeout as delay } from 'node:timers/promises';
import type { EventLine } from '@tidemark/parquet';
import { type EventLog, encodeHeaders, type LogRecord, type Shard, shardOf } from '@tidemark/ports';
import { bytesOf, partitionOf } from '@tidemark/std';
import { settledBy } from './line-target.ts';
import type { OnSettled, ReplayTarget, TakenBatch } from './replay-target.ts';

export interface TopicOptions {
  readonly log: EventLog;
  readonly topic: string;
  readonly partitions: number;
  readonly timeMsOf: (text: string) => number | undefined;
  readonly signal: AbortSignal;
  readonly onSettled: OnSettled;
}

const attemptsMax = 8;
const firstPauseMs = 200;
/** Topics take a MiB unless they were told otherwise. */
const batchBytesMax = 768 * 1_024;

export class TopicTarget implements ReplayTarget {
  readonly #options: TopicOptions;

  constructor(options: TopicOptions) {
    this.#options = options;
  }

  async take(batch: TakenBatch): Promise<void> {
    const { topic, partitions } = this.#options;
    const byShard = new Map<Shard, LogRecord[]>();
    for (const line of batch.lines) {
      const record = this.#recordOf(line);
      const shard = shardOf(topic, partitionOf(record.key, partitions));
      const records = byShard.get(shard) ?? [];
      byShard.set(shard, records);
      records.push(record);
    }
    await Promise.all([...byShard].map(([shard, records]) => this.#appendAll(shard, records)));
    await this.#options.onSettled(settledBy(batch), []);
  }

  async endPartition(): Promise<void> {}

  async close(): Promise<void> {
    await this.#options.log[Symbol.asyncDispose]();
  }

  #recordOf({ head, event, bytes }: EventLine): LogRecord {
    const { tenant, session, seq, id, type, time } = head;
    const named = { tenant, session, seq: String(seq), id, type };
    return {
      key: bytesOf(session),
      value: event ?? bytes ?? new Uint8Array(),
      headers: encodeHeaders(
        Object.entries(named).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
      ),
      timeMs: this.#options.timeMsOf(time) ?? 0,
    };
  }

  /** In order: the next batch of a partition is not sent before the last has arrived. */
  async #appendAll(shard: Shard, records: readonly LogRecord[]): Promise<void> {
    for (let from = 0; from < records.length; ) {
      let end = from;
      let bytes = 0;
      for (; end < records.length && (end === from || bytes < batchBytesMax); end += 1) {
        bytes += (records[end]?.value.length ?? 0) + (records[end]?.headers.length ?? 0);
      }
      await this.#append(shard, records.slice(from, end));
      from = end;
    }
  }

  async #append(shard: Shard, records: readonly LogRecord[]): Promise<void> {
    const { log, signal } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await log.append(new Map([[shard, () => records]])).get(shard);
      if (outcome?.kind === 'committed') return;
      const isFinal = outcome?.kind === 'not-committed' && !outcome.retryable;
      if (isFinal || attempt >= attemptsMax) {
        throw new Error(`${shard} takes no more: ${outcome?.reason ?? 'no answer'}`);
      }
      await delay(firstPauseMs * 2 ** attempt, undefined, { signal });
    }
  }
}

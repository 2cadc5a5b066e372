// Produce v8:
//
// request  := transactional-id acks:i16 timeout:i32 topic[name partition[index:i32 records:bytes]]
// response := topic[name partition[index:i32 error:i16 base-offset:i64 append-time:i64 start:i64
//                                  record-error[index:i32 message] message]] throttle:i32

import { partitionOfShard, type Shard, shardOf, topicOf } from '@tidemark/ports';
import { type BatchPlan, writeBatch } from './record-batch.ts';
import { FrameWriter, WireReader } from './wire.ts';

const api = { key: 0, version: 8, name: 'Produce' } as const;

export interface ProduceOrder {
  readonly clientId: string;
  readonly acks: number;
  readonly timeoutMs: number;
  readonly batches: ReadonlyMap<Shard, BatchPlan>;
}

export interface ProducedShard {
  readonly errorCode: number;
  readonly baseOffset: bigint;
  readonly message: string;
}

export function produceRequest(order: ProduceOrder): FrameWriter {
  const topics = new Map<string, { readonly partition: number; readonly plan: BatchPlan }[]>();
  let bytes = 64;
  for (const [shard, plan] of order.batches) {
    const topic = topicOf(shard);
    const batch = { partition: partitionOfShard(shard), plan };
    const siblings = topics.get(topic);
    if (siblings === undefined) topics.set(topic, [batch]);
    else siblings.push(batch);
    bytes += plan.totalBytes + topic.length + 32;
  }
  const frame = new FrameWriter(api, order.clientId, bytes);
  frame.int16(-1).int16(order.acks).int32(order.timeoutMs).int32(topics.size);
  for (const [topic, batches] of topics) {
    frame.string(topic).array(batches, ({ partition, plan }) => {
      frame.int32(partition).int32(plan.totalBytes);
      frame.block(plan.totalBytes, (target, at) => writeBatch(target, at, plan));
    });
  }
  return frame;
}

export function decodeProduce(payload: Buffer): ReadonlyMap<Shard, ProducedShard> {
  const reader = new WireReader(payload);
  const produced = new Map<Shard, ProducedShard>();
  reader.array(() => {
    const topic = reader.string();
    reader.array(() => {
      const shard = shardOf(topic, reader.int32());
      const errorCode = reader.int16();
      const baseOffset = reader.int64();
      reader.int64();
      reader.int64();
      reader.array(() => {
        reader.int32();
        reader.string();
      });
      produced.set(shard, { errorCode, baseOffset, message: reader.string() });
    });
  });
  return produced;
}

// ListOffsets v5:
//
// request  := replica:i32 isolation:i8 topic[name partition[index:i32 leader-epoch:i32 time:i64]]
// response := throttle:i32 topic[name partition[index:i32 error:i16 time:i64 offset:i64 epoch:i32]]
//
// A request names a partition once, so the start and the end are two requests.

import { partitionOfShard, type Shard, shardOf, topicOf } from '@tidemark/ports';
import { FrameWriter, WireReader } from './wire.ts';

const api = { key: 2, version: 5, name: 'ListOffsets' } as const;
const readUncommitted = 0;

export const startTime = -2n;
export const endTime = -1n;

export interface ListedOffset {
  readonly errorCode: number;
  readonly offset: bigint;
}

export function listOffsetsRequest(
  clientId: string,
  time: bigint,
  epochs: ReadonlyMap<Shard, number>,
): FrameWriter {
  const topics = Map.groupBy(epochs.keys(), topicOf);
  const frame = new FrameWriter(api, clientId, epochs.size * 32);
  frame.int32(-1).int8(readUncommitted).int32(topics.size);
  for (const [topic, shards] of topics) {
    frame.string(topic).array(shards, (shard) => {
      frame
        .int32(partitionOfShard(shard))
        .int32(epochs.get(shard) ?? -1)
        .int64(time);
    });
  }
  return frame;
}

export function decodeListOffsets(payload: Buffer): ReadonlyMap<Shard, ListedOffset> {
  const reader = new WireReader(payload);
  const listed = new Map<Shard, ListedOffset>();
  reader.int32();
  reader.array(() => {
    const topic = reader.string();
    reader.array(() => {
      const shard = shardOf(topic, reader.int32());
      const errorCode = reader.int16();
      reader.int64();
      listed.set(shard, { errorCode, offset: reader.int64() });
      reader.int32();
    });
  });
  return listed;
}

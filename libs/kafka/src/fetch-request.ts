// Fetch v11:
//
// request  := replica:i32 wait:i32 min-bytes:i32 max-bytes:i32 isolation:i8 session:i32 turn:i32
//             topic[name partition[index:i32 leader-epoch:i32 offset:i64 log-start:i64 max-bytes:i32]]
//             forgotten[name index[i32]] rack
// response := throttle:i32 error:i16 session:i32
//             topic[name partition[index:i32 error:i16 high-watermark:i64 stable:i64 log-start:i64
//                                  aborted[producer:i64 first:i64] preferred:i32 records:bytes]]

import { partitionOfShard, type Shard, shardOf, topicOf } from '@tidemark/ports';
import { fetchBytesMax } from './limits.ts';
import { FrameWriter, WireReader } from './wire.ts';

const api = { key: 1, version: 11, name: 'Fetch' } as const;
const readUncommitted = 0;

export interface FetchPosition {
  readonly offset: bigint;
  readonly leaderEpoch: number;
  readonly bytesMax: number;
}

/** Session 0 with turn -1: none is wanted; with turn 0: a new one is asked for. */
export interface FetchOrder {
  readonly clientId: string;
  readonly waitMs: number;
  readonly session: number;
  readonly turn: number;
  readonly wanted: ReadonlyMap<Shard, FetchPosition>;
  readonly forgotten: readonly Shard[];
}

interface FetchedShard {
  readonly errorCode: number;
  readonly highWatermark: bigint;
  readonly records: Buffer;
}

export interface FetchAnswer {
  readonly errorCode: number;
  readonly session: number;
  readonly shards: ReadonlyMap<Shard, FetchedShard>;
}

export function fetchRequest(order: FetchOrder): FrameWriter {
  const { wanted, forgotten } = order;
  const frame = new FrameWriter(api, order.clientId, 64 + wanted.size * 64);
  frame.int32(-1).int32(order.waitMs).int32(1).int32(fetchBytesMax).int8(readUncommitted);
  frame.int32(order.session).int32(order.turn);
  const topics = Map.groupBy(wanted.entries(), ([shard]) => topicOf(shard));
  frame.int32(topics.size);
  for (const [topic, positions] of topics) {
    frame.string(topic).array(positions, ([shard, { offset, leaderEpoch, bytesMax }]) => {
      frame.int32(partitionOfShard(shard)).int32(leaderEpoch);
      frame.int64(offset).int64(-1n).int32(bytesMax);
    });
  }
  const dropped = Map.groupBy(forgotten, topicOf);
  frame.int32(dropped.size);
  for (const [topic, shards] of dropped) {
    frame.string(topic).array(shards, (shard) => frame.int32(partitionOfShard(shard)));
  }
  return frame.string('');
}

export function decodeFetch(payload: Buffer): FetchAnswer {
  const reader = new WireReader(payload);
  reader.int32();
  const errorCode = reader.int16();
  const session = reader.int32();
  const shards = new Map<Shard, FetchedShard>();
  reader.array(() => {
    const topic = reader.string();
    reader.array(() => {
      const shard = shardOf(topic, reader.int32());
      const code = reader.int16();
      const highWatermark = reader.int64();
      reader.int64();
      reader.int64();
      reader.array(() => [reader.int64(), reader.int64()]);
      reader.int32();
      shards.set(shard, { errorCode: code, highWatermark, records: reader.bytes() });
    });
  });
  return { errorCode, session, shards };
}

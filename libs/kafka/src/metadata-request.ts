// Metadata v7, which tells leader epochs:
//
// request  := topic[name] auto-create:i8        (topic count -1: all)
// response := throttle:i32 broker[id:i32 host port:i32 rack] cluster-id controller:i32
//             topic[error:i16 name internal:i8
//                   partition[error:i16 index:i32 leader:i32 leader-epoch:i32
//                             replica[i32] in-sync[i32] offline[i32]]]

import type { BrokerAddress } from './connection.ts';
import { FrameWriter, WireReader } from './wire.ts';

const api = { key: 3, version: 7, name: 'Metadata' } as const;

export interface PartitionMetadata {
  readonly errorCode: number;
  readonly partition: number;
  /** -1: there is none. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicaCount: number;
}

export interface TopicMetadata {
  readonly errorCode: number;
  readonly name: string;
  readonly isInternal: boolean;
  readonly partitions: readonly PartitionMetadata[];
}

export interface MetadataAnswer {
  readonly brokers: ReadonlyMap<number, BrokerAddress>;
  readonly topics: readonly TopicMetadata[];
}

export function metadataRequest(clientId: string, topics: readonly string[] | 'all'): FrameWriter {
  const frame = new FrameWriter(api, clientId);
  if (topics === 'all') frame.int32(-1);
  else frame.array(topics, (name) => frame.string(name));
  return frame.int8(0);
}

export function decodeMetadata(payload: Buffer): MetadataAnswer {
  const reader = new WireReader(payload);
  reader.int32();
  const brokers = new Map(
    reader.array(() => {
      const id = reader.int32();
      const address = { host: reader.string(), port: reader.int32() };
      reader.string();
      return [id, address] as const;
    }),
  );
  reader.string();
  reader.int32();
  const topics = reader.array(() => ({
    errorCode: reader.int16(),
    name: reader.string(),
    isInternal: reader.int8() !== 0,
    // Brokers list them in no order; with one, a partition is found by its index.
    partitions: reader
      .array(() => decodePartition(reader))
      .sort((one, other) => one.partition - other.partition),
  }));
  return { brokers, topics };
}

function decodePartition(reader: WireReader): PartitionMetadata {
  const partition = {
    errorCode: reader.int16(),
    partition: reader.int32(),
    leaderId: reader.int32(),
    leaderEpoch: reader.int32(),
    replicaCount: reader.array(() => reader.int32()).length,
  };
  reader.array(() => reader.int32());
  reader.array(() => reader.int32());
  return partition;
}

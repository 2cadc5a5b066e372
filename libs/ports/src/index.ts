export {
  abortedFault,
  type Clock,
  sleep,
  type TimeLimit,
  type Timer,
  throwIfAborted,
  timeLimit,
} from './clock.ts';
export {
  type AppendOutcome,
  type BatchSource,
  batchBytesMax,
  type Durability,
  type EventLog,
  type LogRecord,
  partitionOfShard,
  type ReadChunk,
  type ReadOptions,
  type Shard,
  type ShardBounds,
  type StoredRecord,
  shardOf,
  type TopicSpec,
  topicOf,
} from './event-log.ts';
export { Fault, type FaultReason, isFault } from './fault.ts';
export type { FileInfo, Files, Folder, OpenFile } from './files.ts';
export { type LogFields, type Logger, silentLogger } from './logger.ts';
export {
  type Counter,
  type Gauge,
  type Histogram,
  type Labels,
  type MetricShape,
  type Metrics,
  silentMetrics,
} from './metrics.ts';
export type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOutcome,
  StoredObject,
} from './object-store.ts';
export type { Outbound, OutboundRequest, OutboundResponse } from './outbound.ts';
export type { Prng } from './prng.ts';
export { decodeHeaders, encodeHeaders, type Header, noHeaders } from './record-headers.ts';

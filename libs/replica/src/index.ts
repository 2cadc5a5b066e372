export { positionIn } from './positions.ts';
export {
  type EventRange,
  type LocatedSession,
  type ReadBounds,
  SessionReader,
} from './session-reader.ts';
export {
  type FoldedSession,
  type KeySpace,
  ShardFold,
  ShardStopped,
  type StopReason,
  shardSession,
} from './shard-fold.ts';
export { isUnavailable, ShardReplica } from './shard-replica.ts';
export { type Located, Shards, type ShardsParts, type ShardsSettings } from './shards.ts';
export {
  controlShard,
  controlTopic,
  type Place,
  placeOf,
  shardsOf,
  type Tenant,
  TenantDirectory,
} from './tenants.ts';

export type { FeedListener, FoldedRecord } from './feed.ts';
export type { FoldedSession } from './folded-session.ts';
export {
  type FollowCursor,
  type FollowedPlace,
  type Piece,
  type PieceBounds,
  streamOf,
} from './follow-cursor.ts';
export { Followers } from './followers.ts';
export { positionIn } from './positions.ts';
export { type Publications, type PublishedSessions, unpublished } from './published.ts';
export {
  type EventRange,
  type LocatedSession,
  type ReadBounds,
  SessionReader,
} from './session-reader.ts';
export {
  type KeySpace,
  keyOf,
  ShardFold,
  shardSession,
} from './shard-fold.ts';
export { ShardReplica } from './shard-replica.ts';
export { ShardStopped, type StopReason } from './shard-stop.ts';
export { type Located, Shards, type ShardsParts, type ShardsSettings } from './shards.ts';
export { type ReadyPiece, readyPiece, SharedPieces } from './shared-pieces.ts';
export { TablePublications } from './table-publications.ts';
export {
  controlShard,
  controlTopic,
  type Place,
  placeOf,
  shardsOf,
  spaceOf,
  type Tenant,
  TenantDirectory,
} from './tenants.ts';

export { type BegunRange, beginRead, wholeRange } from './begun-range.ts';
export {
  agentShelf,
  allShelf,
  type CatalogPlace,
  type CatalogRange,
  changeShelf,
  comparePlaces,
  deliveryShelf,
  placeOn,
  statusShelf,
  turnShelf,
} from './catalog.ts';
export {
  type EventArchive,
  type EventSink,
  glanceEventsMax,
  type WantedRun,
} from './event-archive.ts';
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
export { lostEvents } from './log-run.ts';
export { eventComma, type ServedEvents } from './page.ts';
export { positionIn } from './positions.ts';
export {
  type LogName,
  type Publications,
  type PublishedSessions,
  unpublished,
} from './published.ts';
export { ownerIn, publishedState } from './published-state.ts';
export {
  type EventRange,
  type LocatedSession,
  nothingAt,
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
export { walkShelf } from './shelf-walk.ts';
export { TablePublications } from './table-publications.ts';
export {
  controlShard,
  controlTopic,
  type OpenedTenant,
  type Place,
  placeOf,
  shardsOf,
  spaceOf,
  type Tenant,
  TenantDirectory,
} from './tenants.ts';
export type { UsageRange, UsageRow } from './usage-rows.ts';

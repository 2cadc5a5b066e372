export type {
  AppendCommand,
  Command,
  CreateCommand,
  FactDecision,
  ForkRequest,
  Reply,
} from './commands.ts';
export { type ForkOrigin, foldLevelOf, isJsonType, type LineageEntry } from './config.ts';
export { decide } from './decide.ts';
export { createdReply, isSameConfig } from './decide-create.ts';
export { type DecideContext, type Decision, knownFoldLevel, liveStream } from './decision.ts';
export {
  controlTenant,
  type DirectoryEntry,
  keySession,
  relayKeysSession,
  type TenantEntry,
  tenantSession,
  topicSession,
} from './directory.ts';
export {
  type DirectoryAnswer,
  decideAddKey,
  decideBeginTopic,
  decideClaimKey,
  decideCreateTenant,
  decideMintKey,
  decideReleaseKey,
  decideRevokeKey,
  decideSuspend,
} from './directory-decide.ts';
export { evolve, isNext } from './evolve.ts';
export { dueAtMs, isDue, needsTouch } from './expiry.ts';
export type { ProducerStamp, RecordKind, SessionRecord } from './record.ts';
export { type Decoded, decodeRecord } from './record-decode.ts';
export { encodeRecordHeaders } from './record-encode.ts';
export {
  absentSession,
  cursorAt,
  type OwedUnref,
  type SessionState,
  type StreamState,
  speculate,
  tagAt,
} from './state.ts';
export { decodeState, encodeState } from './state-codec.ts';
export {
  ackedPosition,
  evolveSubscription,
  hasLease,
  isCurrent,
  isLinked,
  isMatched,
  type LiveSubscription,
  type StreamLink,
  type SubscriptionState,
  subscriptionPrefix,
  type WakeState,
} from './subscription.ts';
export {
  type AckRequest,
  decideAck,
  decideClaim,
  decideExpireLease,
  decideFailDelivery,
  decideFinish,
  decideLink,
  decideRelease,
  decideRetry,
  decideSubscribe,
  decideUnlink,
  decideUnsubscribe,
  decideWake,
  type SubscriptionAnswer,
} from './subscription-decide.ts';
export {
  type Ack,
  type LinkFact,
  type PendingStream,
  type SubscriptionConfig,
  type SubscriptionFact,
  subscriptionFactOf,
  type WakeName,
} from './subscription-facts.ts';
export { matchesPattern } from './subscription-pattern.ts';

export {
  type Activity,
  evolveActivity,
  isTelling,
  type Status,
  type ThreadState,
  type Usage,
} from './activity.ts';
export { type Aspects, aspectsBytes, noAspects } from './aspects.ts';
export { type AuditEntry, requestIdIn, requestIdUnder } from './audit.ts';
export { goodToken, type ShareEntry, type TokenEntry } from './client-tokens.ts';
export type {
  AppendCommand,
  Command,
  CreateCommand,
  FactDecision,
  ForkRequest,
  GivenEvents,
  Reply,
} from './commands.ts';
export { type ForkOrigin, factsOf, foldLevelOf, isJsonType, type LineageEntry } from './config.ts';
export {
  type DayUsage,
  dayOf,
  daysOf,
  type UsageNumbers,
  usageFrom,
  usageNumbers,
} from './daily-usage.ts';
export { decide } from './decide.ts';
export { createdReply, isSameConfig } from './decide-create.ts';
export { type DecideContext, type Decision, knownFoldLevel, liveStream } from './decision.ts';
export {
  type ApiKey,
  controlTenant,
  type DirectoryEntry,
  keySession,
  type Materialized,
  type Quotas,
  relayKeysSession,
  type TenantEntry,
  tenantSession,
  topicSession,
} from './directory.ts';
export {
  type DirectoryAnswer,
  decideAddKey,
  decideBeginTopic,
  decideChangeBucket,
  decideClaimKey,
  decideConfigure,
  decideCreateTenant,
  decideEndKey,
  decideMaterialize,
  decideMintKey,
  decideReleaseKey,
  decideRetainTenant,
  decideRevokeKey,
  decideSuspend,
  decideUseKey,
  isUseNews,
} from './directory-decide.ts';
export { type DurableFact, factOf, factsAt, type StandingFact } from './durable-facts.ts';
export {
  type EventStamp,
  eventIdAt,
  isServerEventId,
  seqOfEventId,
} from './event-identity.ts';
export { isNoted, noteOf } from './event-notes.ts';
export { countsOf, type EventTimes } from './event-times.ts';
export { evolve, isNext } from './evolve.ts';
export { dueAtMs, isDue, needsTouch } from './expiry.ts';
export {
  type Head,
  isRedacted,
  type Keeping,
  obstacleOf,
  policyOf,
  type RetentionPolicy,
  redactedBody,
} from './keeping.ts';
export {
  decideHold,
  decideRedact,
  decideReleaseHold,
  decideRetain,
  decideTrim,
  heldProblem,
} from './keeping-decide.ts';
export {
  type LifecycleAct,
  type LifecycleWord,
  lifecycleActs,
  lifecycleWord,
  possibleActs,
} from './lifecycle.ts';
export {
  type DeliveryEntry,
  type Destination,
  type DestinationState,
  destinationOf,
  hasRoomIn,
  isWaiting,
  type Outbox,
  owesDelivery,
  type SealedSecret,
} from './outbox.ts';
export {
  decideClaimOutbox,
  decidePutDestination,
  decideRedeliver,
  decideRemoveDestination,
  decideTellDelivery,
  type Redelivery,
} from './outbox-decide.ts';
export { type Profile, type ProfilePatch, patchProfile, type SessionLimits } from './profile.ts';
export {
  type DecidedRecord,
  type ProducerStamp,
  type RecordKind,
  type RecordRun,
  recordCount,
  recordsIn,
  recordValueBytes,
  type SessionRecord,
} from './record.ts';
export { type Decoded, decodeRecord, kindIn } from './record-decode.ts';
export { encodeRecordHeaders, encodeRunHeaders } from './record-encode.ts';
export type { Run, TurnLimits } from './run.ts';
export {
  decideAct,
  decideAddToken,
  decideArchiveThread,
  decideDeleteFact,
  decideDeleteSession,
  decidePutFact,
  decideRevokeToken,
  decideUpdate,
} from './session-decide.ts';
export type { Actor, SessionFact } from './session-facts.ts';
export { type Share, sharedStream, shareOf } from './shares.ts';
export { spentLimit } from './spending.ts';
export {
  absentSession,
  behindHead,
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
export {
  type BucketAccess,
  type BucketEncryption,
  bucketPurpose,
  isSameBucket,
  type TenantBucket,
} from './tenant-bucket.ts';
export {
  decideCancelTurn,
  decideClaimTurn,
  decideEndTurn,
  decideReportTurn,
  decideSweepTurn,
  dueReason,
  type Fence,
  type HeldTurn,
  isClaimable,
  type RunEvent,
  turnDueAtMs,
} from './turn-decide.ts';
export {
  type EndedTurn,
  isYieldReason,
  type RunningTurn,
  type TurnResult,
  type Turns,
  type YieldReason,
  yieldReasons,
} from './turns.ts';

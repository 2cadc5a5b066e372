export type {
  AppendCommand,
  Command,
  CreateCommand,
  FactDecision,
  ForkRequest,
  Reply,
} from './commands.ts';
export { isJsonType } from './config.ts';
export { decide } from './decide.ts';
export { type DecideContext, type Decision, liveStream } from './decision.ts';
export { evolve, isNext } from './evolve.ts';
export { dueAtMs, isDue, needsTouch } from './expiry.ts';
export {
  type Decoded,
  decodeRecord,
  encodeRecordHeaders,
  type ProducerStamp,
  type RecordKind,
  type SessionRecord,
} from './record.ts';
export {
  absentSession,
  type ForkOrigin,
  type LineageEntry,
  type OwedUnref,
  type SessionState,
  type StreamState,
  speculate,
  tagAt,
} from './state.ts';

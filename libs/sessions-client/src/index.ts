export { type Batch, batchesOf, type SentEvent } from './batches.ts';
export { RequestProblem, Unreachable } from './problem.ts';
export {
  type Asked,
  type ClientOptions,
  type Json,
  type Place,
  SessionsClient,
  type StoredEvent,
  sessionPath,
  streamPath,
} from './sessions-client.ts';
export { timeMsOf } from './time.ts';

export { isProblem, type Problem } from '@tidemark/client';
export { type Batch, batchesOf, type SentEvent } from './batches.ts';
export {
  type Asked,
  type ClientOptions,
  isAbsent,
  type Json,
  type Place,
  SessionsClient,
  type StoredEvent,
  sessionPath,
  streamPath,
} from './sessions-client.ts';
export { timeMsOf } from './time.ts';

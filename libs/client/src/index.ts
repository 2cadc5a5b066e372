export type { Appender, AppenderOptions } from './appender.ts';
export type { SentEvent, StoredEvent } from './events.ts';
export type { Fact, Facts, ListedFact, SignalOptions, SwapOptions } from './facts.ts';
export type { Batch, FollowOptions, Transport } from './follow.ts';
export { type Effect, isProblem, Problem, type ProblemCode, type Retry } from './problem.ts';
export type { Answer, Asked, Credential, Opened, Query } from './requests.ts';
export type { SearchHit, SearchPage } from './search.ts';
export type {
  Appended,
  AppendOptions,
  FoundEvents,
  Page,
  ReadOptions,
  Session,
  SessionSearchOptions,
} from './session.ts';
export type {
  NewSession,
  SessionChange,
  SessionObject,
  SessionState,
  SessionStatus,
  SessionToken,
} from './session-object.ts';
export {
  type ClientOptions,
  type CreateOptions,
  type ListOptions,
  type SearchOptions,
  Tidemark,
} from './tidemark.ts';

export { checkHistory } from './check.ts';
export {
  type Call,
  type Entry,
  encodeHistory,
  parseHistory,
  type Return,
  type Seen,
  type SubscriptionPosition,
} from './history.ts';
export { type Check, checks, type Violation } from './violation.ts';

export {
  defaultContentType,
  isTextual,
  jsonContentType,
  mediaTypeOf,
  parseContentType,
} from './content-type.ts';
export { type Cursor, cursorTag, cursorText, isStart, parseCursor, startCursor } from './cursor.ts';
export { type JsonMember, jsonMembers } from './json-members.ts';
export {
  endOfJsonValue,
  type JsonMessages,
  JsonSyntaxError,
  jsonMessages,
  jsonTypeOf,
} from './json-scan.ts';
export { limits } from './limits.ts';
export {
  defaultTenant,
  deliveryHeader,
  hasControlBytes,
  isThreadName,
  parseSessionName,
  parseStreamPath,
  parseTenantId,
  type SessionName,
  type TenantId,
  threadName,
} from './names.ts';
export {
  hasCode,
  isProblem,
  Problem,
  type ProblemCode,
  type ProblemFacts,
  type ProblemKind,
  problemKinds,
} from './problems.ts';
export { httpDate, parseTimestamp, timestampText } from './timestamp.ts';

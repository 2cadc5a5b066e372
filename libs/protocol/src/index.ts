export {
  defaultContentType,
  isTextual,
  jsonContentType,
  mediaTypeOf,
  parseContentType,
} from './content-type.ts';
export { type Cursor, cursorTag, cursorText, isStart, parseCursor, startCursor } from './cursor.ts';
export { endOfJsonValue, JsonSyntaxError, jsonMessages } from './json-scan.ts';
export { limits } from './limits.ts';
export {
  defaultTenant,
  deliveryHeader,
  hasControlBytes,
  parseSessionName,
  parseStreamPath,
  parseTenantId,
  type SessionName,
  type TenantId,
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

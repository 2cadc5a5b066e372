export { type AgentReference, agentReferenceOf, agentSnapshot } from './agents.ts';
export { bareEvent } from './bare-event.ts';
export {
  agents,
  archivedDefinition,
  changedDefinition,
  type DefinitionKind,
  definitionPrefix,
  definitionSession,
  environments,
  newDefinition,
} from './definitions.ts';
export { frameNameOf } from './event-names.ts';
export {
  countField,
  type Fields,
  fieldsOf,
  isFields,
  listField,
  malformed,
  parseJson,
  requiredText,
  textField,
} from './fields.ts';
export {
  base32Of,
  type IdKind,
  idOf,
  isMadeName,
  newSessionName,
  primaryThreadId,
  sessionPrefixes,
} from './ids.ts';
export { keepingObject, retentionObject } from './keeping-object.ts';
export { metadataIn } from './metadata.ts';
export { openApiDocument } from './openapi/document.ts';
export { type Order, pageText, parseLimit, parseOrder, parsePage, valuesOf } from './pages.ts';
export { appendOf, parseListed, parseSent, type SentEvents } from './sent-events.ts';
export {
  factObjects,
  factObjectsAt,
  type LiveSession,
  liveSessionOf,
  sessionObject,
  sessionRow,
  sharedSessionObject,
  shareFields,
  threadObjects,
} from './session-object.ts';
export {
  type CreateSession,
  parseCreateSession,
  parseUpdateSession,
  resourceOf,
  type UpdateSession,
} from './session-requests.ts';
export { idOfTold, isStamped, processedAtOf, toldEvent } from './stored-events.ts';
export { isWithin, parseTimeRange, type TimeRange } from './time-range.ts';

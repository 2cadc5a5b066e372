export type {
  About,
  AgentEvent,
  RecordFormat,
  RoutedEvent,
  SourceRecord,
} from './agent-event.ts';
export { anthropic } from './anthropic.ts';
export { claudeCode, finishedUsage } from './claude-code.ts';
export { codex, parentThread } from './codex.ts';
export type { Json } from './json-fields.ts';
export { jsonl } from './jsonl.ts';
export {
  claudeSessionName,
  digestOf,
  eventId,
  namePart,
  rolledBackType,
  sourceSessionName,
  threadIdOf,
} from './names.ts';
export { packed, RecordRestorer } from './native.ts';
export { openaiDrafts } from './openai-items.ts';
export { type OpencodeRecord, opencode } from './opencode.ts';
export { redacted, redactionRules } from './redaction.ts';
export { uiMessageDrafts } from './ui-messages.ts';

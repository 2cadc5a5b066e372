// OpenCode keeps a session, its messages and their parts apart, each with an id; a tool's part holds the call
// and, once it is over, the result. Records come as {kind, session, message, part}, in their order, and only
// once nothing of them changes any more.

import {
  type About,
  type Converted,
  type Draft,
  nothingKnown,
  type RecordFormat,
  type SourceRecord,
  type TokenCounts,
  usageDraft,
  withUsage,
} from './agent-event.ts';
import { fileBlock } from './file-block.ts';
import { countOf, isJson, type Json, objectOf, textBlock, textOf } from './json-fields.ts';
import { eventId, leftName, recordType, rolledBackType } from './names.ts';
import { packed, partId } from './native.ts';

export interface OpencodeState {
  readonly about: About;
  /** ISO 8601; the format has no clock, whoever reads the records tells the times. */
  readonly time: string | undefined;
}

/** One record, with what it belongs to. */
export interface OpencodeRecord {
  readonly kind: 'session' | 'message' | 'part' | 'revert';
  readonly id: string;
  /** RFC 3339. */
  readonly time: string | undefined;
  /** Of a part: whose it is. */
  readonly role?: 'user' | 'assistant';
  readonly value: Json;
}

const name = 'opencode';

export const opencode: RecordFormat<OpencodeState> = {
  name,
  begin: () => ({ about: nothingKnown, time: undefined }),
  convert,
  settle: (state) => ({ state, events: [] }),
  about: ({ about }) => about,
};

function convert(before: OpencodeState, { key, value }: SourceRecord): Converted<OpencodeState> {
  const record = objectOf(value) as Partial<OpencodeRecord>;
  const { kind, role } = record;
  const own = objectOf(record.value);
  const id = eventId(name, record.id ?? key);
  const time = record.time ?? before.time;
  const drafts = draftsOf({ kind, role, own }, id);
  const other = kind === 'revert' ? revertDraft(own, id) : { type: recordType(typeOf(kind, own)) };
  const told = drafts.length === 0 ? [other] : drafts;
  const events = packed(told, { format: name, record: value, id, processedAt: time });
  const about = aboutBehind(before.about, kind, own);
  return { state: { about, time }, events: events.map((event) => ({ thread: undefined, event })) };
}

/** From a message on, or from a part of it, all is taken back. */
const revertDraft = ({ messageID, partID }: Json, id: string): Draft => ({
  type: rolledBackType,
  from_event_id: eventId(name, textOf(partID) ?? textOf(messageID) ?? ''),
  left: leftName(id),
});

const typeOf = (kind: string | undefined, own: Json): string =>
  kind === 'part' ? `part.${textOf(own['type']) ?? 'untyped'}` : (kind ?? 'untyped');

function tokensOf({ role, tokens }: Json): TokenCounts | undefined {
  if (role !== 'assistant' || !isJson(tokens)) return undefined;
  const cache = objectOf(tokens['cache']);
  return {
    input: countOf(tokens['input']),
    output: countOf(tokens['output']) + countOf(tokens['reasoning']),
    cacheRead: countOf(cache['read']),
    cacheWrite: countOf(cache['write']),
  };
}

function aboutBehind(about: About, kind: string | undefined, own: Json): About {
  if (kind === 'session') {
    return {
      ...about,
      cwd: textOf(own['directory']) ?? about.cwd,
      version: textOf(own['version']) ?? about.version,
      forkedFrom: textOf(own['fork_session_id']) ?? about.forkedFrom,
    };
  }
  const tokens = kind === 'message' ? tokensOf(own) : undefined;
  if (tokens === undefined) return about;
  const cost = typeof own['cost'] === 'number' ? own['cost'] : 0;
  return withUsage({ ...about, cost: (about.cost ?? 0) + cost }, textOf(own['modelID']), tokens);
}

interface Told {
  readonly kind: string | undefined;
  readonly role: string | undefined;
  readonly own: Json;
}

function draftsOf({ kind, role, own }: Told, id: string): readonly Draft[] {
  if (kind === 'message') return messageDrafts(own);
  if (kind !== 'part') return [];
  switch (own['type']) {
    case 'text':
      return textDrafts(own, role);
    case 'reasoning':
      return [
        { type: 'agent.thinking', content: [{ type: 'thinking', thinking: own['text'] ?? '' }] },
      ];
    case 'tool':
      return toolDrafts(own, id);
    case 'file':
      return fileDrafts(own);
    case 'compaction':
      return [{ type: 'agent.thread_context_compacted' }];
    case 'retry':
      return [errorDraft(own['error'])];
    default:
      return [];
  }
}

function messageDrafts(own: Json): readonly Draft[] {
  const tokens = tokensOf(own);
  const usage = tokens === undefined ? [] : [usageDraft(textOf(own['modelID']), tokens)];
  return isJson(own['error']) ? [errorDraft(own['error']), ...usage] : usage;
}

function errorDraft(error: unknown): Draft {
  const told = objectOf(error);
  const message = textOf(objectOf(told['data'])['message']) ?? textOf(told['name']);
  return { type: 'session.error', error: { type: 'unknown_error', message: message ?? 'failed' } };
}

function textDrafts({ text, synthetic }: Json, role: string | undefined): readonly Draft[] {
  const words = textOf(text);
  if (words === undefined) return [];
  const type = role === 'assistant' ? 'agent.message' : 'user.message';
  return [{ type: synthetic === true ? 'system.message' : type, content: [textBlock(words)] }];
}

const fileDrafts = ({ url, mime, filename }: Json): readonly Draft[] => [
  { type: 'user.message', content: [fileBlock({ url, media: mime, name: filename })] },
];

function toolDrafts({ tool, state }: Json, id: string): readonly Draft[] {
  const called = textOf(tool) ?? 'tool';
  const { status, input, output, error } = objectOf(state);
  const use = { type: 'agent.tool_use', name: called, input: objectOf(input) };
  if (status !== 'completed' && status !== 'error') return [use];
  const words = status === 'error' ? textOf(error) : textOf(output);
  return [
    use,
    {
      type: 'agent.tool_result',
      tool_use_id: partId(id, 0),
      tool_name: called,
      is_error: status === 'error',
      content: words === undefined ? [] : [textBlock(words)],
    },
  ];
}

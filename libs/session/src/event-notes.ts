// What the writer tells the fold of an event that it has parsed: see `activity.ts`.

import { limits } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import { type Fields, isFields, isText } from './shapes.ts';

type NoteOf = (event: Fields) => Fields;

const field = (value: unknown, name: string): unknown =>
  isFields(value) ? value[name] : undefined;

/** Of many ids, as many as a state remembers. */
const textsIn = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) ? value.filter(isText).slice(0, limits.pendingMax) : undefined;

const cut = (value: unknown, charsMax: number): string | undefined =>
  isText(value) ? value.slice(0, charsMax) : undefined;

const threadNote: NoteOf = (event) => ({
  thread: cut(event['session_thread_id'], limits.tokenBytesMax),
  agent: cut(event['agent_name'], limits.tokenBytesMax),
});

const notes: ReadonlyMap<string, NoteOf> = new Map<string, NoteOf>([
  [
    'session.status_idle',
    (event) => {
      const reason = event['stop_reason'];
      return { stop: cut(field(reason, 'type'), 64), ids: textsIn(field(reason, 'event_ids')) };
    },
  ],
  ['user.tool_confirmation', (event) => ({ of: event['tool_use_id'] })],
  ['user.tool_result', (event) => ({ of: event['tool_use_id'] })],
  ['user.custom_tool_result', (event) => ({ of: event['custom_tool_use_id'] })],
  ['agent.tool_result', (event) => ({ of: cut(event['tool_use_id'], limits.tokenBytesMax) })],
  ['span.model_request_end', (event) => usageNote(event['model_usage'])],
  ['session.usage', (event) => ({ usage: flatUsage(event['usage']) })],
  ['span.outcome_evaluation_end', (event) => ({ outcome: outcomeOf(event) })],
  ['session.error', (event) => ({ error: cut(field(event['error'], 'type'), 64) })],
  ['session.thread_created', threadNote],
  ['session.thread_status_running', threadNote],
  ['session.thread_status_idle', threadNote],
  ['session.thread_status_rescheduled', threadNote],
  ['session.thread_status_terminated', threadNote],
]);

/** Whether an event of this type has to be parsed before it is written. */
export const isNoted = (type: string): boolean => notes.has(type);

/** Undefined where there is nothing to tell, or too much. */
export function noteOf(type: string, event: unknown): string | undefined {
  const tell = notes.get(type);
  if (tell === undefined || !isFields(event)) return undefined;
  const note = JSON.stringify(tell(event));
  if (note === '{}') return undefined;
  return bytesOf(note).length <= limits.noteBytesMax ? note : undefined;
}

/** What was told; nothing where it is not what a writer of ours tells. */
export function noteIn(text: string | undefined): Fields {
  if (text === undefined) return {};
  try {
    const note: unknown = JSON.parse(text);
    return isFields(note) ? note : {};
  } catch {
    return {};
  }
}

function usageNote(usage: unknown): Fields {
  const created = field(usage, 'cache_creation');
  return {
    input: field(usage, 'input_tokens'),
    output: field(usage, 'output_tokens'),
    cache_read: field(usage, 'cache_read_input_tokens'),
    cache_1h: field(created, 'ephemeral_1h_input_tokens'),
    cache_5m:
      field(created, 'ephemeral_5m_input_tokens') ?? field(usage, 'cache_creation_input_tokens'),
  };
}

function flatUsage(usage: unknown): Fields {
  const created = field(usage, 'cache_creation');
  const cost = field(usage, 'list_cost');
  return {
    input_tokens: field(usage, 'input_tokens'),
    output_tokens: field(usage, 'output_tokens'),
    cache_read_input_tokens: field(usage, 'cache_read_input_tokens'),
    ephemeral_1h_input_tokens: field(created, 'ephemeral_1h_input_tokens'),
    ephemeral_5m_input_tokens: field(created, 'ephemeral_5m_input_tokens'),
    list_cost: centsIn(cost),
  };
}

/** Whole cents, as text; also where they come with their currency. */
function centsIn(cost: unknown): string | undefined {
  const amount = isFields(cost) ? cost['amount'] : cost;
  return isText(amount) && /^\d{1,15}$/.test(amount) ? amount : undefined;
}

const outcomeTextMax = 1_024;

function outcomeOf(event: Fields): Fields {
  return {
    outcome_id: cut(event['outcome_id'], limits.tokenBytesMax),
    description: cut(event['description'], outcomeTextMax),
    explanation: cut(event['explanation'], outcomeTextMax),
    iteration: event['iteration'],
    result: cut(event['result'], 64),
    completed_at: cut(event['processed_at'], 64),
  };
}

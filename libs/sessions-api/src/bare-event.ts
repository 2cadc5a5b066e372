// An event without what it says: what is left tells what happened, when, and what belongs together.
//
// (1) Of an event only those fields are left that are named here, and of these only values that can hold no text: ids
//     and names without spaces, times, numbers, flags. Whatever is not named is left out, its name as well.
// (2) Contents and inputs are told as there, and nothing of them: not how long they were, nor how many.
// (3) It begins as every event does, with its id and its time; an id that is no id gives way to the server's.

import { parseTimestamp } from '@tidemark/protocol';
import { eventIdAt, type StreamState } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import { type Fields, isFields } from './fields.ts';
import { toldEvent } from './stored-events.ts';

/** Stands where something was said. */
export const notShared = '[not shared]';

/** What is left of a value; undefined where nothing is. */
type Rest = (value: unknown) => unknown;

const namePattern = /^[\w.:/+=-]{1,128}$/;
const isName = (value: unknown): value is string =>
  typeof value === 'string' && namePattern.test(value);
const isTime = (value: unknown): value is string =>
  typeof value === 'string' && parseTimestamp(value) !== undefined;

const isType = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value);

const keptIf =
  (isKept: (value: unknown) => boolean): Rest =>
  (value) =>
    isKept(value) ? value : undefined;

const name = keptIf(isName);
const time = keptIf(isTime);
const flag = keptIf((value) => typeof value === 'boolean');
const count = keptIf((value) => typeof value === 'number');
const names: Rest = (value) => (Array.isArray(value) ? value.filter(isName) : undefined);
const content: Rest = () => [{ type: 'text', text: notShared }];
const input: Rest = () => ({ text: notShared });
const answer = keptIf((value) => value === 'allow' || value === 'deny');

const objectOf =
  (rests: Readonly<Record<string, Rest>>): Rest =>
  (value) =>
    isFields(value) ? restOf(value, rests) : undefined;

const usage = objectOf({
  input_tokens: count,
  output_tokens: count,
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
});

const rests: Readonly<Record<string, Rest>> = {
  name,
  mcp_server_name: name,
  agent_name: name,
  model: name,
  tool_use_id: name,
  mcp_tool_use_id: name,
  custom_tool_use_id: name,
  session_thread_id: name,
  model_request_start_id: name,
  outcome_id: name,
  evaluated_permission: name,
  redacted_at: time,
  is_error: flag,
  iteration: count,
  result: answer,
  usage,
  model_usage: usage,
  stop_reason: objectOf({ type: name, event_ids: names }),
  error: objectOf({ type: name, message: () => notShared }),
  content,
  input,
};

function restOf(fields: Fields, kept: Readonly<Record<string, Rest>>): Fields {
  const left = Object.entries(kept).flatMap(([field, rest]) => {
    const value = Object.hasOwn(fields, field) ? rest(fields[field]) : undefined;
    return value === undefined ? [] : [[field, value] as const];
  });
  return Object.fromEntries(left);
}

/** The event at a seq, as it is told to whoever may not read what it says. */
export function bareEvent(stream: StreamState, seq: number, body: Uint8Array): Uint8Array {
  const told = JSON.parse(textOf(toldEvent(stream, seq, body))) as Fields;
  const { id, processed_at: at, type } = told;
  const first = {
    id: isName(id) ? id : eventIdAt(stream, seq),
    processed_at: isTime(at) ? at : null,
    type: isType(type) ? type : 'untyped',
  };
  return bytesOf(JSON.stringify({ ...first, ...restOf(told, rests) }));
}

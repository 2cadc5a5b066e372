// What is asked of an event that others rely on: enough that a harness can act on it, and no more. A
// newer client may send fields and blocks that nobody here knows.

import { type Fields, isFields, malformed } from './fields.ts';

type Shape = (event: Fields, place: string) => void;

function contentShape(event: Fields, place: string): void {
  const { content } = event;
  if (typeof content === 'string' && content !== '') return;
  const isList = Array.isArray(content) && content.length > 0 && content.every(isFields);
  if (!isList) throw malformed(`${place}.content is a list of blocks`);
}

const named =
  (field: string): Shape =>
  (event, place) => {
    if (typeof event[field] === 'string' && event[field] !== '') return;
    throw malformed(`${place}.${field} is required`);
  };

function confirmationShape(event: Fields, place: string): void {
  named('tool_use_id')(event, place);
  const { result } = event;
  if (result !== 'allow' && result !== 'deny') {
    throw malformed(`${place}.result is allow or deny`);
  }
}

/** Its events have a session of their own, named by it. */
function threadShape(event: Fields, place: string): void {
  const { session_thread_id: id } = event;
  if (typeof id === 'string' && /^sthr_[\w-]{1,64}$/.test(id)) return;
  throw malformed(`${place}.session_thread_id is sthr_ and 1 to 64 of a-z, A-Z, 0-9, _ and -`);
}

const neverSent: Shape = (_, place) => {
  throw malformed(`${place}.type is nothing that is sent: a stream ends with it`);
};

const shapes: ReadonlyMap<string, Shape> = new Map([
  ['user.message', contentShape],
  ['system.message', contentShape],
  ['user.tool_confirmation', confirmationShape],
  ['user.tool_result', named('tool_use_id')],
  ['user.custom_tool_result', named('custom_tool_use_id')],
  ['user.define_outcome', named('description')],
  ['session.deleted', neverSent],
  ['session.thread_created', threadShape],
]);

export const isChecked = (type: string): boolean => shapes.has(type);

export function checkKnown(type: string, event: Fields, place: string): void {
  shapes.get(type)?.(event, place);
}

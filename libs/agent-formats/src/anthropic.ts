// Events of managed-agents sessions, from any server that tells them. They are ours in form already; their ids
// are the other server's to give, so they get one of their own, and so does whatever names them.

import {
  type Converted,
  nothingKnown,
  type RecordFormat,
  type SourceRecord,
} from './agent-event.ts';
import { objectOf, textOf, timeOf } from './json-fields.ts';
import { eventId, recordType } from './names.ts';
import { packed } from './native.ts';

const name = 'anthropic';

/** What in an event names another event. */
const references: ReadonlySet<string> = new Set([
  'tool_use_id',
  'mcp_tool_use_id',
  'custom_tool_use_id',
  'model_request_start_id',
]);

const typePattern = /^[\x21-\x7e]{1,128}$/;

/** Told by a stream, and sent by nobody. */
const isSent = (type: string): boolean => typePattern.test(type) && type !== 'session.deleted';

export const anthropic: RecordFormat<undefined> = {
  name,
  begin: () => undefined,
  convert,
  settle: (state) => ({ state, events: [] }),
  about: () => nothingKnown,
};

function convert(state: undefined, { key, value }: SourceRecord): Converted<undefined> {
  const { id, type, processed_at: time, native: _, ...fields } = objectOf(value);
  const told = textOf(type);
  const draft = {
    type: told !== undefined && isSent(told) ? told : recordType(type),
    ...Object.fromEntries(Object.entries(fields).map(renamed)),
  };
  const packing = {
    format: name,
    record: value,
    id: eventId(name, textOf(id) ?? key),
    processedAt: timeOf(time),
  };
  const events = packed([draft], packing).map((event) => ({ thread: undefined, event }));
  return { state, events };
}

function renamed([field, value]: readonly [string, unknown]): readonly [string, unknown] {
  if (references.has(field) && typeof value === 'string') return [field, eventId(name, value)];
  return [field, value];
}

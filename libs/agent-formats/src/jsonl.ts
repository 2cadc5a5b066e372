// Any file of JSON lines: what looks like an event is one, everything else is kept under a type of its own.

import {
  type About,
  type Converted,
  nothingKnown,
  type RecordFormat,
  type SourceRecord,
} from './agent-event.ts';
import { isJson, textOf, timeOf } from './json-fields.ts';
import { eventId } from './names.ts';
import { packed } from './native.ts';

interface JsonlState {
  readonly about: About;
}

const name = 'jsonl';
const typeChars = /^[\x21-\x7e]{1,128}$/;
/** Of these the server asks more than a type. */
const mayBeSent = (type: string): boolean => typeChars.test(type) && type !== 'session.deleted';

export const jsonl: RecordFormat<JsonlState> = {
  name,
  begin: () => ({ about: nothingKnown }),
  convert,
  settle: (state) => ({ state, events: [] }),
  about: ({ about }) => about,
};

function convert(state: JsonlState, { key, value }: SourceRecord): Converted<JsonlState> {
  const own = isJson(value) ? value : { value };
  const { id, type, processed_at, native: _, ...fields } = own as Readonly<Record<string, unknown>>;
  const time = timeOf(processed_at) ?? timeOf(own['timestamp' as keyof typeof own]);
  const draft =
    typeof type === 'string' && mayBeSent(type)
      ? { type, ...fields }
      : { type: 'record', ...fields };
  const packing = {
    format: name,
    record: value,
    id: eventId(name, textOf(id) ?? key),
    processedAt: time,
  };
  const events = packed([draft], packing).map((event) => ({ thread: undefined, event }));
  return { state, events };
}

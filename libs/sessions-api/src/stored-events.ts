// Events as they are told again. What was sent through this API is stored ready to be told; what came
// as a raw stream's message gets what is missing.

import { eventIdAt, type StreamState } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import { isFields } from './fields.ts';

const head = bytesOf('{"id":"');
const time = bytesOf(',"processed_at":');
const [quote, backslash] = [0x22, 0x5c] as const;

const startsAt = (body: Uint8Array, at: number, text: Uint8Array): boolean =>
  text.every((byte, index) => body[at + index] === byte);

/** Where the id of a stamped event ends; -1 where it is none. */
function endOfId(body: Uint8Array): number {
  if (!startsAt(body, 0, head)) return -1;
  let at = head.length;
  while (body[at] !== quote) {
    if (at >= body.length) return -1;
    at += body[at] === backslash ? 2 : 1;
  }
  return startsAt(body, at + 1, time) ? at : -1;
}

export const isStamped = (body: Uint8Array): boolean => endOfId(body) !== -1;

/** The event at a seq, as it is told. */
export function toldEvent(stream: StreamState, seq: number, body: Uint8Array): Uint8Array {
  return isStamped(body) ? body : bytesOf(JSON.stringify(completed(stream, seq, body)));
}

function completed(stream: StreamState, seq: number, body: Uint8Array): object {
  const value: unknown = JSON.parse(textOf(body));
  const own = isFields(value) ? value : { value };
  const { id, type, processed_at: at = null, ...rest } = own as Readonly<Record<string, unknown>>;
  return {
    id: typeof id === 'string' && id !== '' ? id : eventIdAt(stream, seq),
    processed_at: at,
    type: typeof type === 'string' && type !== '' ? type : 'untyped',
    ...rest,
  };
}

/** When an event says that it was processed, as it says it; undefined where it does not. */
export function processedAtOf(told: Uint8Array): string | undefined {
  const start = endOfId(told) + 1 + time.length;
  if (told[start] !== quote) return undefined;
  const end = told.indexOf(quote, start + 1);
  return textOf(told.subarray(start + 1, end));
}

export const idOfTold = (told: Uint8Array): string =>
  String(JSON.parse(textOf(told.subarray(head.length - 1, endOfId(told) + 1))));

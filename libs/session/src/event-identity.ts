// What an event is called. The server's ids tell where their event lies, so that it is found without an
// index: the tag of whose event it was first, as in cursors, and its seq.
//
//   id   := 'sevt_' tag{8 hex} seq{16 digits}
//   body := '{"id":' id ',"processed_at":' time rest          rest begins with ',' or is '}'
//
// A stamped body begins so, in this order and without spaces: whoever serves it again sees by its first
// bytes that nothing is missing in it. Stored. Never change.

import { timestampText } from '@tidemark/protocol';
import { Arena } from '@tidemark/std';
import { type StreamState, tagAt } from './state.ts';

const pattern = /^sevt_([0-9a-f]{8})(\d{16})$/;

export const eventIdAt = (stream: StreamState, seq: number): string =>
  `sevt_${tagAt(stream, seq + 1)}${String(seq).padStart(16, '0')}`;

/** Whether a text looks like an id of the server's own: no client may choose such a one. */
export const isServerEventId = (id: string): boolean => pattern.test(id);

/** The seq that an id of the server's own speaks of; undefined where it is none of this stream's. */
export function seqOfEventId(stream: StreamState, id: string): number | undefined {
  const seq = Number(pattern.exec(id)?.[2] ?? Number.NaN);
  return Number.isSafeInteger(seq) && eventIdAt(stream, seq) === id ? seq : undefined;
}

/** What a client has given of an event's head; the writer gives the rest. */
export interface EventStamp {
  readonly id: string | undefined;
  /** As it is written. */
  readonly processedAt: string | undefined;
  /** An outcome that is defined here gets a name. */
  readonly namesOutcome: boolean;
}

/** Events of one batch have one time. */
let lastTime = { timeMs: -1, text: '' };

function timeText(timeMs: number): string {
  if (lastTime.timeMs !== timeMs) lastTime = { timeMs, text: timestampText(timeMs) };
  return lastTime.text;
}

/** Bodies are written to the log, and copied into a page. */
const bodies = new Arena();

export function stampedBody(
  stamp: EventStamp,
  rest: Uint8Array,
  at: { readonly stream: StreamState; readonly seq: number; readonly timeMs: number },
): Uint8Array {
  const own = eventIdAt(at.stream, at.seq);
  const id = stamp.id === undefined ? `"${own}"` : JSON.stringify(stamp.id);
  const time = JSON.stringify(stamp.processedAt ?? timeText(at.timeMs));
  const outcome = stamp.namesOutcome ? `,"outcome_id":"outc_${own.slice('sevt_'.length)}"` : '';
  return bodies.join(`{"id":${id},"processed_at":${time}${outcome}`, rest);
}

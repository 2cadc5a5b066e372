// A line of a segment: what every tool may ask of an event, and the event to the byte.

import { Problem, timestampText } from '@tidemark/protocol';
import { eventIdAt, type StreamState } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import { lineHeadText, placeIn } from './wanted-lines.ts';

export interface ArchivedEvent {
  readonly seq: number;
  readonly offset: number;
  readonly timeMs: number;
  readonly body: Uint8Array;
}

export interface ArchivedSession {
  readonly key: string;
  readonly tenant: string;
  readonly name: string;
  readonly stream: StreamState;
}

interface Told {
  readonly id?: unknown;
  readonly type?: unknown;
  readonly level?: unknown;
  readonly turn_id?: unknown;
}

const lineFeed = 0x0a;
const space = 0x20;
const lowerN = 0x6e;
const closingBracket = 0x5d;
const eventMember = ',"event":';
const eventMemberBytes = Buffer.from(eventMember);
const lineEnd = bytesOf('}\n');
const breaksMember = ',"breaks":';
const bytesMember = 'null,"bytes":"';

function toldBy(body: Uint8Array): Told {
  const parsed = JSON.parse(textOf(body)) as unknown;
  return typeof parsed === 'object' && parsed !== null ? parsed : {};
}

const textIn = (value: unknown): string | null => (typeof value === 'string' ? value : null);

export function lineOf(
  { tenant, name, stream }: ArchivedSession,
  event: ArchivedEvent,
): Uint8Array {
  const { seq, offset, timeMs, body } = event;
  const told = stream.isJson ? toldBy(body) : {};
  const fields = JSON.stringify({
    offset,
    id: textIn(told.id) ?? eventIdAt(stream, seq),
    time: timestampText(timeMs),
    type: textIn(told.type),
    level: textIn(told.level),
    turn: textIn(told.turn_id),
  });
  const start = `${lineHeadText(tenant, name)}${seq},${fields.slice(1, -1)}`;
  if (!stream.isJson) {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.length).toString('base64');
    return Buffer.from(`${start}${eventMember}${bytesMember}${bytes}"}\n`);
  }
  const breaks = breaksIn(body);
  const marks = breaks.length === 0 ? '' : `${breaksMember}${JSON.stringify(breaks)}`;
  return framed(`${start}${marks}${eventMember}`, unbroken(body, breaks));
}

function framed(before: string, body: Uint8Array): Uint8Array {
  const beforeBytes = Buffer.byteLength(before);
  const line = Buffer.allocUnsafe(beforeBytes + body.length + lineEnd.length);
  line.write(before);
  line.set(body, beforeBytes);
  line.set(lineEnd, beforeBytes + body.length);
  return line;
}

/** Where JSON has line feeds: only between its tokens. */
function breaksIn(body: Uint8Array): number[] {
  const breaks: number[] = [];
  for (let at = body.indexOf(lineFeed); at !== -1; at = body.indexOf(lineFeed, at + 1)) {
    breaks.push(at);
  }
  return breaks;
}

function unbroken(body: Uint8Array, breaks: readonly number[]): Uint8Array {
  if (breaks.length === 0) return body;
  const line = body.slice();
  for (const at of breaks) line[at] = space;
  return line;
}

/** The event of a session's line, which comes without its line feed. */
export function bodyIn(line: Buffer, head: Uint8Array, seq: number): Uint8Array {
  const place = placeIn(line, head);
  // No text within JSON has this: its quotes would stand behind a backslash.
  const member = line.indexOf(eventMemberBytes, place.at);
  if (member === -1 || place.seq !== seq) {
    throw new Problem('corrupt', 'another line stands where an event was');
  }
  const event = line.subarray(member + eventMemberBytes.length, -1);
  if (event[0] === lowerN && event.toString('latin1', 0, bytesMember.length) === bytesMember) {
    return Buffer.from(event.toString('latin1', bytesMember.length, event.length - 1), 'base64');
  }
  // Of what stands before an event nothing ends so but its breaks.
  if (line[member - 1] !== closingBracket) return event;
  const before = line.toString('latin1', 0, member);
  const marks = before.lastIndexOf(breaksMember);
  if (marks === -1) return event;
  const body = Uint8Array.from(event);
  for (const at of JSON.parse(before.slice(marks + breaksMember.length)) as number[]) {
    body[at] = lineFeed;
  }
  return body;
}

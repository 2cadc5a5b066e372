// A line of a segment: what every tool may ask of an event, and the event to the byte.

import { timestampText } from '@tidemark/protocol';
import { eventComma, type ServedEvents } from '@tidemark/replica';
import { eventIdAt, type StreamState } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import { anotherLine, eventMember, eventMemberBytes, LineScan, lineFeed } from './line-scan.ts';
import { lineHeadText } from './wanted-lines.ts';

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

const space = 0x20;
const lowerN = 0x6e;
const closingBracket = 0x5d;
const lineEnd = bytesOf('}\n');
const breaksMember = ',"breaks":';
const bytesMember = 'null,"bytes":"';
const bytesEnd = '"}';

function toldBy(body: Uint8Array): Told {
  const parsed = JSON.parse(textOf(body)) as unknown;
  return typeof parsed === 'object' && parsed !== null ? parsed : {};
}

const textIn = (value: unknown): string | null => (typeof value === 'string' ? value : null);

interface LineFields {
  readonly offset: number;
  readonly id: string;
  readonly timeMs: number;
  readonly type: string | null;
  readonly level: string | null;
  readonly turn: string | null;
}

/** What stands behind a line's seq, and before its event. */
function fieldsText({ offset, id, timeMs, type, level, turn }: LineFields): string {
  const names = `"type":${quoted(type)},"level":${quoted(level)},"turn":${quoted(turn)}`;
  return `,"offset":${offset},"id":${quoted(id)},"time":"${timeText(timeMs)}",${names}`;
}

const quoted = (text: string | null): string => (text === null ? 'null' : JSON.stringify(text));

/** Events of a batch have one time, and lines of a session one head. */
let lastTime = { timeMs: 0, text: timestampText(0) };
let lastHead = { tenant: '', name: '', text: lineHeadText('', '') };

function timeText(timeMs: number): string {
  if (timeMs !== lastTime.timeMs) lastTime = { timeMs, text: timestampText(timeMs) };
  return lastTime.text;
}

function headText(tenant: string, name: string): string {
  if (tenant !== lastHead.tenant || name !== lastHead.name) {
    lastHead = { tenant, name, text: lineHeadText(tenant, name) };
  }
  return lastHead.text;
}

/** No line has fewer. */
const fieldBytesMin = fieldsText({
  offset: 0,
  id: '',
  timeMs: 0,
  type: '',
  level: '',
  turn: '',
}).length;

export function lineOf(
  { tenant, name, stream }: ArchivedSession,
  event: ArchivedEvent,
): Uint8Array {
  const { seq, offset, timeMs, body } = event;
  const told = stream.isJson ? toldBy(body) : {};
  const fields = fieldsText({
    offset,
    id: textIn(told.id) ?? eventIdAt(stream, seq),
    timeMs,
    type: textIn(told.type),
    level: textIn(told.level),
    turn: textIn(told.turn_id),
  });
  const start = `${headText(tenant, name)}${seq}${fields}`;
  if (!stream.isJson) {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.length).toString('base64');
    return Buffer.from(`${start}${eventMember}${bytesMember}${bytes}${bytesEnd}\n`);
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

/** Consecutive lines of one session in a frame. */
export interface SessionLinesAt {
  /** Where the first of them begins. */
  readonly at: number;
  readonly count: number;
  readonly head: Uint8Array;
  readonly seq: number;
}

export interface TakenEvents extends ServedEvents {
  readonly isJson: boolean;
  /** Where the line behind them begins. */
  readonly end: number;
}

/**
 * Makes of lines, where they stand, their events as they are served: an event is copied over what stands before
 * it, and nothing else. What surrounds the lines stays. Lines stand in the order of sessions and seqs: those between
 * a first and a last that are as many seqs apart as lines are the session's, and are not asked.
 */
export function takeEvents(frame: Buffer, lines: SessionLinesAt): TakenEvents {
  const { at: start, count, head, seq } = lines;
  const scan = new LineScan(frame, head);
  const isJson = !isOfBytes(frame, scan.memberIn(start, frame.length));
  const ends: number[] = [];
  let [at, to] = [start, start];
  for (let index = 0; index < count; index += 1) {
    const isAsked = index === 0 || index === count - 1;
    const from = isAsked ? scan.afterSeq(at, seq + index) : scan.passSeq(at, seq + index);
    const end = frame.indexOf(lineFeed, from);
    const member = scan.memberIn(from + fieldBytesMin, end);
    const move = { from, member, end, to };
    to = isJson ? moveEvent(frame, move) : moveBytes(frame, move);
    ends.push(to - start);
    at = end + 1;
  }
  return { bytes: frame.subarray(start, to), ends, isJson, end: at };
}

/** No event is null and more. */
function isOfBytes(frame: Buffer, member: number): boolean {
  const first = member + eventMemberBytes;
  return (
    frame[first] === lowerN &&
    frame.toString('latin1', first, first + bytesMember.length) === bytesMember
  );
}

interface EventMove {
  /** Where what stands between the line's seq and its event begins. */
  readonly from: number;
  readonly member: number;
  /** Of the line, without its line feed. */
  readonly end: number;
  readonly to: number;
}

/** With a comma in the place of what ends its line. Returns where the event ends then. */
function moveEvent(frame: Buffer, { from, member, end, to }: EventMove): number {
  const first = member + eventMemberBytes;
  // Of what stands before an event nothing ends so but its breaks.
  const breaks = frame[member - 1] === closingBracket ? breaksAt(frame, from, member) : [];
  frame.copyWithin(to, first, end);
  for (const at of breaks) frame[to + at] = lineFeed;
  const movedEnd = to + end - first;
  frame[movedEnd - 1] = eventComma;
  return movedEnd;
}

function moveBytes(frame: Buffer, { member, end, to }: EventMove): number {
  if (!isOfBytes(frame, member)) throw anotherLine();
  const first = member + eventMemberBytes + bytesMember.length;
  const bytes = frame.toString('latin1', first, end - bytesEnd.length);
  return to + frame.write(bytes, to, 'base64');
}

function breaksAt(frame: Buffer, from: number, member: number): readonly number[] {
  const before = frame.toString('latin1', from, member);
  const marks = before.lastIndexOf(breaksMember);
  return marks === -1 ? [] : (JSON.parse(before.slice(marks + breaksMember.length)) as number[]);
}

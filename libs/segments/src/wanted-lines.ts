// What an export asks of lines, and what a line says of itself. A line is looked at no farther than it has to be.

import { Problem, parseTimestamp } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';

/** Of the events of a session that is wanted. */
export interface WantedLines {
  readonly firstSeq: number;
  readonly endSeq: number;
  /** When they were appended; the end is exclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Empty: whatever their type. */
  readonly types: ReadonlySet<string>;
}

export const everyLine: WantedLines = {
  firstSeq: 0,
  endSeq: Number.MAX_SAFE_INTEGER,
  fromMs: Number.NEGATIVE_INFINITY,
  toMs: Number.POSITIVE_INFINITY,
  types: new Set(),
};

export interface LinePlace {
  readonly seq: number;
  readonly offset: number;
  /** Where the rest of the line begins. */
  readonly at: number;
}

/** What every line of a session begins with. */
export const lineHeadText = (tenant: string, session: string): string =>
  `{"tenant":${JSON.stringify(tenant)},"session":${JSON.stringify(session)},"seq":`;

export const lineHead = (tenant: string, session: string): Uint8Array =>
  bytesOf(lineHeadText(tenant, session));

const offsetMember = Buffer.from(',"offset":');
const [zero, nine] = [0x30, 0x39];

/** A whole number, and where it ends. */
function numberAt(
  line: Uint8Array,
  from: number,
): { readonly value: number; readonly end: number } {
  let value = 0;
  let end = from;
  for (let digit = line[end] ?? 0; digit >= zero && digit <= nine; digit = line[end] ?? 0) {
    value = value * 10 + (digit - zero);
    end += 1;
  }
  return { value, end };
}

/** For so few bytes quicker than a call into native code. */
export function hasAt(line: Buffer, part: Uint8Array, at: number): boolean {
  for (let index = 0; index < part.length; index += 1) {
    if (line[at + index] !== part[index]) return false;
  }
  return true;
}

/** Of a line that stands by itself. */
export function placeIn(line: Buffer, head: Uint8Array): LinePlace {
  if (!hasAt(line, head, 0)) {
    throw new Problem('corrupt', 'a line of a segment is of another session');
  }
  const seq = numberAt(line, head.length);
  if (!hasAt(line, offsetMember, seq.end)) {
    throw new Problem('corrupt', 'a line of a segment has no offset');
  }
  const offset = numberAt(line, seq.end + offsetMember.length);
  return { seq: seq.value, offset: offset.value, at: offset.end };
}

const timeMember = ',"time":"';
const typeMember = ',"type":';

export function isWanted(line: Buffer, { seq, at }: LinePlace, wanted: WantedLines): boolean {
  if (seq < wanted.firstSeq || seq >= wanted.endSeq) return false;
  const { fromMs, toMs, types } = wanted;
  const isAnyTime = fromMs === Number.NEGATIVE_INFINITY && toMs === Number.POSITIVE_INFINITY;
  if (isAnyTime && types.size === 0) return true;
  // Neither member can stand in a text: its quotes would have backslashes before them.
  const { text, end: timeEnd } = timeIn(line, at);
  const atMs = isAnyTime ? 0 : (parseTimestamp(text) ?? -1);
  if (!isAnyTime && !(atMs >= fromMs && atMs < toMs)) return false;
  return types.size === 0 || types.has(typeAt(line, timeEnd) ?? '');
}

/** When the event was appended, and where that ends. */
export function timeIn(line: Buffer, at: number): { readonly text: string; readonly end: number } {
  const start = line.indexOf(timeMember, at) + timeMember.length;
  const end = line.indexOf('"', start);
  return { text: line.toString('latin1', start, end), end };
}

function typeAt(line: Buffer, from: number): string | undefined {
  const start = line.indexOf(typeMember, from) + typeMember.length;
  if (line[start] !== 0x22) return undefined;
  let end = line.indexOf('"', start + 1);
  while (isEscaped(line, end)) end = line.indexOf('"', end + 1);
  return JSON.parse(line.toString('utf8', start, end + 1)) as string;
}

function isEscaped(line: Buffer, at: number): boolean {
  let backslashes = 0;
  while (line[at - 1 - backslashes] === 0x5c) backslashes += 1;
  return backslashes % 2 === 1;
}

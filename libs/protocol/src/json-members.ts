// The members of a JSON object, as ranges of its bytes.

import { strictTextOf } from '@tidemark/std';
import {
  endOfJsonString,
  endOfJsonValue,
  endOfKey,
  JsonSyntaxError,
  skipSpace,
} from './json-scan.ts';

export interface JsonMember {
  readonly name: string;
  /** Where the member begins, with its key; where its value does; and where that ends. */
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

const [openBrace, closeBrace, comma, backslash] = [0x7b, 0x7d, 0x2c, 0x5c] as const;

function nameIn(text: Uint8Array, start: number, end: number): string {
  const key = text.subarray(start, end);
  const plain = strictTextOf(key) ?? '';
  return key.includes(backslash) ? String(JSON.parse(plain)) : plain.slice(1, -1);
}

/** In order, repeated ones included; undefined where the value is no object. Throws a JsonSyntaxError. */
export function jsonMembers(text: Uint8Array): readonly JsonMember[] | undefined {
  let at = skipSpace(text, 0);
  if (text[at] !== openBrace) return undefined;
  at = skipSpace(text, at + 1);
  const members: JsonMember[] = [];
  if (text[at] === closeBrace) return members;
  for (;;) {
    const name = nameIn(text, at, endOfJsonString(text, at));
    const valueStart = endOfKey(text, at);
    const end = endOfJsonValue(text, valueStart);
    members.push({ name, start: at, valueStart, end });
    at = skipSpace(text, end);
    if (text[at] === closeBrace) return members;
    if (text[at] !== comma) throw new JsonSyntaxError('a comma or a close is missing', at);
    at = skipSpace(text, at + 1);
  }
}

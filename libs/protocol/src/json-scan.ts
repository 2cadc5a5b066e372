// A strict JSON scanner over bytes. It says whether the text is one JSON value, and where the
// elements of a top-level array lie, so that what was received valid is stored as it came, never
// parsed into objects and written again. It is iterative, so depth costs no stack, and it takes no
// memory for what it passes over: eight MiB of JSON hold four million values.

import { bytesOf } from '@tidemark/std';

const byteOf = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  one: 0x31,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** Nesting deeper than this is an attack, not an event. */
const depthMax = 512;

/** Bytes that end the plain run of a string: quote, backslash, control bytes, and beyond ASCII. */
const special = new Uint8Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  special[byte] = byte < 0x20 || byte >= 0x80 || byte === 0x22 || byte === 0x5c ? 1 : 0;
}
const escapes = new Set(Array.from('"\\/bfnrt', (character) => character.charCodeAt(0)));

export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly at: number;

  constructor(reason: string, at: number) {
    super(`${reason} at byte ${at}`);
    this.at = at;
  }
}

const isSpace = (byte: number | undefined): boolean =>
  byte === byteOf.space ||
  byte === byteOf.lineFeed ||
  byte === byteOf.carriageReturn ||
  byte === byteOf.tab;

const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= byteOf.zero && byte <= byteOf.nine;

const isHex = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);

export function skipSpace(text: Uint8Array, start: number): number {
  let at = start;
  while (isSpace(text[at])) at += 1;
  return at;
}

/** Returns where the UTF-8 sequence at `at` ends; refuses what is not well formed. */
function endOfUtf8(text: Uint8Array, at: number): number {
  const first = text[at] as number;
  const second = text[at + 1] ?? 0;
  const continues = (index: number): boolean => ((text[index] ?? 0) & 0xc0) === 0x80;
  if (first >= 0xc2 && first <= 0xdf && continues(at + 1)) return at + 2;
  if (first >= 0xe0 && first <= 0xef && continues(at + 1) && continues(at + 2)) {
    const overlong = first === 0xe0 && second < 0xa0;
    const surrogate = first === 0xed && second > 0x9f;
    if (!overlong && !surrogate) return at + 3;
  }
  if (
    first >= 0xf0 &&
    first <= 0xf4 &&
    continues(at + 1) &&
    continues(at + 2) &&
    continues(at + 3)
  ) {
    const overlong = first === 0xf0 && second < 0x90;
    const beyond = first === 0xf4 && second > 0x8f;
    if (!overlong && !beyond) return at + 4;
  }
  throw new JsonSyntaxError('invalid UTF-8', at);
}

function endOfEscape(text: Uint8Array, at: number): number {
  const kind = text[at + 1];
  if (kind !== undefined && escapes.has(kind)) return at + 2;
  const isUnicode = kind === 0x75 && [2, 3, 4, 5].every((index) => isHex(text[at + index]));
  if (isUnicode) return at + 6;
  throw new JsonSyntaxError('invalid escape', at);
}

/** `start` is behind the opening quote; returns where the string's closing quote ends. */
function endOfString(text: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    let byte = text[at];
    while (byte !== undefined && special[byte] === 0) {
      at += 1;
      byte = text[at];
    }
    if (byte === byteOf.quote) return at + 1;
    if (byte === undefined) throw new JsonSyntaxError('unterminated string', at);
    if (byte === byteOf.backslash) at = endOfEscape(text, at);
    else if (byte >= 0x80) at = endOfUtf8(text, at);
    else throw new JsonSyntaxError('control byte in a string', at);
  }
}

function endOfDigits(text: Uint8Array, start: number): number {
  if (!isDigit(text[start])) throw new JsonSyntaxError('a digit is missing', start);
  let at = start + 1;
  while (isDigit(text[at])) at += 1;
  return at;
}

function endOfNumber(text: Uint8Array, start: number): number {
  let at = text[start] === byteOf.minus ? start + 1 : start;
  at = text[at] === byteOf.zero ? at + 1 : endOfDigits(text, at);
  if (text[at] === byteOf.dot) at = endOfDigits(text, at + 1);
  if (((text[at] ?? 0) | 0x20) === 0x65) {
    at += 1;
    if (text[at] === byteOf.plus || text[at] === byteOf.minus) at += 1;
    at = endOfDigits(text, at);
  }
  return at;
}

const literals = ['true', 'false', 'null'].map((literal) => bytesOf(literal));

function endOfLiteral(text: Uint8Array, at: number, literal: Uint8Array): number {
  for (let index = 1; index < literal.length; index += 1) {
    if (text[at + index] !== literal[index]) throw new JsonSyntaxError('unexpected byte', at);
  }
  return at + literal.length;
}

function endOfScalar(text: Uint8Array, at: number): number {
  const byte = text[at];
  if (byte === byteOf.quote) return endOfString(text, at + 1);
  if (byte === byteOf.minus || isDigit(byte)) return endOfNumber(text, at);
  for (const literal of literals) if (byte === literal[0]) return endOfLiteral(text, at, literal);
  throw new JsonSyntaxError(byte === undefined ? 'unexpected end' : 'unexpected byte', at);
}

/** Where the string that begins at `at` ends. */
export function endOfJsonString(text: Uint8Array, at: number): number {
  if (text[at] !== byteOf.quote) throw new JsonSyntaxError('a key is missing', at);
  return endOfString(text, at + 1);
}

/** Where the key and colon of an object's next member end. */
export function endOfKey(text: Uint8Array, at: number): number {
  const colon = skipSpace(text, endOfJsonString(text, at));
  if (text[colon] !== byteOf.colon) throw new JsonSyntaxError('a colon is missing', colon);
  return skipSpace(text, colon + 1);
}

/** The closing bytes of the containers that are open, innermost last; reused between calls. */
const open = new Uint8Array(depthMax);

/** Where the value of the last member `type` began, of the object that was scanned last; -1 where it has none. */
let typeAt = -1;

const isTypeKey = (text: Uint8Array, at: number): boolean =>
  text[at + 1] === 0x74 &&
  text[at + 2] === 0x79 &&
  text[at + 3] === 0x70 &&
  text[at + 4] === 0x65 &&
  text[at + 5] === byteOf.quote;

/** As `endOfKey`, of a member of the outermost value. */
function endOfOuterKey(text: Uint8Array, at: number): number {
  const end = endOfKey(text, at);
  if (isTypeKey(text, at)) typeAt = end;
  return end;
}

/** Returns where the JSON value at `start` ends. */
export function endOfJsonValue(text: Uint8Array, start: number): number {
  let depth = 0;
  let at = start;
  typeAt = -1;
  for (;;) {
    const byte = text[at];
    if (byte === byteOf.openBrace || byte === byteOf.openBracket) {
      if (depth === depthMax) throw new JsonSyntaxError('nested too deeply', at);
      open[depth] = byte === byteOf.openBrace ? byteOf.closeBrace : byteOf.closeBracket;
      depth += 1;
      at = skipSpace(text, at + 1);
      const isEmpty = text[at] === open[depth - 1];
      if (!isEmpty && byte === byteOf.openBrace) {
        at = depth === 1 ? endOfOuterKey(text, at) : endOfKey(text, at);
      }
      if (!isEmpty) continue;
    } else {
      at = endOfScalar(text, at);
    }
    while (depth > 0) {
      at = skipSpace(text, at);
      if (text[at] !== open[depth - 1]) break;
      at += 1;
      depth -= 1;
    }
    if (depth === 0) return at;
    if (text[at] !== byteOf.comma) {
      throw new JsonSyntaxError('a comma or a close is missing', at);
    }
    at = skipSpace(text, at + 1);
    if (open[depth - 1] === byteOf.closeBrace) {
      at = depth === 1 ? endOfOuterKey(text, at) : endOfKey(text, at);
    }
  }
}

/** A longer one, or one with escapes, is none that anybody goes by. */
const typeBytesMax = 128;
const ascii = new TextDecoder('latin1');
/** Decoded last: events of a kind come in runs. */
let lastType = { bytes: new Uint8Array(0), text: '' };

/** The `type` of the object that was scanned last, where it is plain text. */
function typeIn(text: Uint8Array): string | undefined {
  if (typeAt === -1 || text[typeAt] !== byteOf.quote) return undefined;
  const start = typeAt + 1;
  const { bytes } = lastType;
  let end = start;
  while (bytes[end - start] === text[end] && end - start < bytes.length) end += 1;
  if (end - start === bytes.length && text[end] === byteOf.quote) return lastType.text || undefined;
  while (end - start <= typeBytesMax && special[text[end] as number] === 0) end += 1;
  if (text[end] !== byteOf.quote || end === start) return undefined;
  const found = text.slice(start, end);
  lastType = { bytes: found, text: ascii.decode(found) };
  return lastType.text;
}

/** What a JSON object that is known to be valid calls its `type`, where that is plain text. */
export function jsonTypeOf(text: Uint8Array): string | undefined {
  endOfJsonValue(text, 0);
  return typeIn(text);
}

export interface JsonMessages {
  /** Each as the bytes that were sent. */
  readonly bodies: readonly Uint8Array[];
  /** What each calls its `type`; undefined where none does. */
  readonly types: readonly (string | undefined)[] | undefined;
  /** All of them with a comma between, where they were sent so. */
  readonly joined: Uint8Array | undefined;
}

/**
 * The messages of a JSON body: its value, or the elements where it is an array. Undefined where there
 * are more than so many: what lies behind the first of them that is too many is not looked at. Throws
 * a JsonSyntaxError.
 */
export function jsonMessages(text: Uint8Array, messagesMax: number): JsonMessages | undefined {
  const start = skipSpace(text, 0);
  if (text[start] === byteOf.openBracket) return messagesIn(text, start, messagesMax);
  const end = endOfJsonValue(text, start);
  const type = typeIn(text);
  expectEnd(text, end);
  const body = text.subarray(start, end);
  return { bodies: [body], types: type === undefined ? undefined : [type], joined: body };
}

function messagesIn(
  text: Uint8Array,
  start: number,
  messagesMax: number,
): JsonMessages | undefined {
  const bodies: Uint8Array[] = [];
  let types: (string | undefined)[] | undefined;
  const first = skipSpace(text, start + 1);
  if (text[first] === byteOf.closeBracket) {
    expectEnd(text, first + 1);
    return { bodies, types, joined: undefined };
  }
  let at = first;
  let isJoined = true;
  while (bodies.length < messagesMax) {
    const end = endOfJsonValue(text, at);
    const type = typeIn(text);
    if (type !== undefined) {
      types ??= [];
      types[bodies.length] = type;
    }
    bodies.push(text.subarray(at, end));
    at = skipSpace(text, end);
    if (text[at] === byteOf.closeBracket) {
      expectEnd(text, at + 1);
      return { bodies, types, joined: isJoined ? text.subarray(first, end) : undefined };
    }
    if (text[at] !== byteOf.comma) throw new JsonSyntaxError('a comma or a close is missing', at);
    at = skipSpace(text, at + 1);
    isJoined &&= at === end + 1;
  }
  return undefined;
}

function expectEnd(text: Uint8Array, end: number): void {
  const at = skipSpace(text, end);
  if (at !== text.length) throw new JsonSyntaxError('bytes after the value', at);
}

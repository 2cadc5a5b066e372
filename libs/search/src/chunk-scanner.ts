// Finds the chunks of a text: runs of letters, digits and what joins them in paths, identifiers, versions and
// addresses. What lies between chunks is never searched for.

import { assert } from '@tidemark/std';

/** What a character is. */
export const other = 0;
export const joiner = 1;
export const word = 2;

const joiners = './\\:-@#+';
const wordCharacter = /[\p{L}\p{N}\p{M}_]/u;

const ascii: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (wordCharacter.test(character)) return word;
  return joiners.includes(character) ? joiner : other;
});

/** Kinds of the other characters of the basic plane, 256 at a time, found out when the first of them comes. */
const pages: (Uint8Array | undefined)[] = [];

function pageOf(page: number): Uint8Array {
  const kinds = Uint8Array.from({ length: 256 }, (_, low) =>
    wordCharacter.test(String.fromCharCode(page * 256 + low)) ? word : other,
  );
  pages[page] = kinds;
  return kinds;
}

const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;

function kindBeyondAscii(code: number, before: number, behind: number): number {
  if (!isSurrogate(code)) return (pages[code >>> 8] ?? pageOf(code >>> 8))[code & 255] as number;
  const isFirst = code < 0xdc00;
  const pair = String.fromCharCode(isFirst ? code : before, isFirst ? behind : code);
  return wordCharacter.test(pair) ? word : other;
}

export function kindAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code < 128) return ascii[code] as number;
  return kindBeyondAscii(code, text.charCodeAt(at - 1), text.charCodeAt(at + 1));
}

/** The characters of a text as numbers: to read one of a string takes several times as long. Little endian, as the machine. */
export class TextCodes {
  readonly #bytes: Buffer;
  readonly codes: Uint16Array;
  length = 0;

  constructor(charsMax: number) {
    this.#bytes = Buffer.alloc(2 * charsMax);
    this.codes = new Uint16Array(this.#bytes.buffer, this.#bytes.byteOffset, charsMax);
  }

  static of(text: string): TextCodes {
    const codes = new TextCodes(text.length);
    codes.set(text);
    return codes;
  }

  /** Of another text, in the place of the one before. */
  set(text: string): void {
    assert(text.length <= this.codes.length, 'a text has room');
    this.#bytes.write(text, 'utf16le');
    this.length = text.length;
  }
}

/**
 * One chunk after the other. A chunk begins with a word character; it ends with one, or with the `++` or `#` of
 * a language's name.
 */
export class ChunkScanner {
  readonly #text: TextCodes;
  start = 0;
  end = 0;
  /** Of its characters. */
  hash = 0;

  constructor(text: TextCodes) {
    this.#text = text;
  }

  next(): boolean {
    const { codes, length } = this.#text;
    let at = this.end;
    while (at < length && kindIn(codes, at, length) !== word) at += 1;
    if (at === length) return false;
    this.start = at;
    let wordEnd = at;
    let hash = 0;
    let wordHash = 0;
    for (; at < length; at += 1) {
      const code = codes[at] as number;
      const kind = code < 128 ? (ascii[code] as number) : kindIn(codes, at, length);
      if (kind === other) break;
      hash = Math.imul(hash ^ code, 0x01000193);
      if (kind !== word) continue;
      wordEnd = at + 1;
      wordHash = hash;
    }
    const suffix = suffixAt(codes, wordEnd, length);
    this.end = wordEnd + suffix;
    this.hash = mixed(wordHash + suffix);
    return true;
  }
}

function kindIn(codes: Uint16Array, at: number, length: number): number {
  const code = codes[at] as number;
  if (code < 128) return ascii[code] as number;
  const before = at === 0 ? 0 : (codes[at - 1] as number);
  return kindBeyondAscii(code, before, at + 1 < length ? (codes[at + 1] as number) : 0);
}

/** Spreads what the last characters did to a hash over all of its bits. */
const mixed = (hash: number): number => {
  const once = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return once ^ (once >>> 13);
};

function suffixAt(codes: Uint16Array, at: number, length: number): number {
  if (at >= length) return 0;
  if (codes[at] === 0x23) return 1;
  return codes[at] === 0x2b && at + 1 < length && codes[at + 1] === 0x2b ? 2 : 0;
}

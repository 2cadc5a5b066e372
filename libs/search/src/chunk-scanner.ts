// Finds the chunks of a text: runs of letters, digits and what joins them in paths, identifiers, versions and
// addresses. What lies between chunks is never searched for.

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

function kindBeyondAscii(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (!isSurrogate(code)) return (pages[code >>> 8] ?? pageOf(code >>> 8))[code & 255] as number;
  const pair = code < 0xdc00 ? text.slice(at, at + 2) : text.slice(at - 1, at + 1);
  return pair.length === 2 && wordCharacter.test(pair) ? word : other;
}

export function kindAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 128 ? (ascii[code] as number) : kindBeyondAscii(text, at);
}

/**
 * One chunk after the other. A chunk begins with a word character; it ends with one, or with the `++` or `#` of
 * a language's name.
 */
export class ChunkScanner {
  readonly #text: string;
  readonly #end: number;
  start = 0;
  end = 0;
  /** Of its characters. */
  hash = 0;

  constructor(text: string, endChars: number = text.length) {
    this.#text = text;
    this.#end = endChars;
  }

  next(): boolean {
    const text = this.#text;
    let at = this.end;
    while (at < this.#end && kindAt(text, at) !== word) at += 1;
    if (at === this.#end) return false;
    this.start = at;
    let wordEnd = at;
    let hash = 0;
    let wordHash = 0;
    for (; at < this.#end; at += 1) {
      const code = text.charCodeAt(at);
      const kind = code < 128 ? (ascii[code] as number) : kindBeyondAscii(text, at);
      if (kind === other) break;
      hash = Math.imul(hash ^ code, 0x01000193);
      if (kind !== word) continue;
      wordEnd = at + 1;
      wordHash = hash;
    }
    const suffix = suffixAt(text, wordEnd);
    this.end = wordEnd + suffix;
    this.hash = mixed(wordHash + suffix);
    return true;
  }
}

/** Spreads what the last characters did to a hash over all of its bits. */
const mixed = (hash: number): number => {
  const once = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return once ^ (once >>> 13);
};

function suffixAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === 0x23) return 1;
  return code === 0x2b && text.charCodeAt(at + 1) === 0x2b ? 2 : 0;
}

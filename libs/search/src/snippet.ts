// A piece of an event that shows why it was found.

import { analyzeWord, normalized, takeApart } from './analysis.ts';
import { isBlob } from './blobs.ts';
import { ChunkScanner, TextCodes } from './chunk-scanner.ts';
import { textsOf } from './document.ts';
import type { Query } from './query.ts';

/** In characters as JavaScript counts them, half-open. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

export interface Snippet {
  /** Begins or ends with an ellipsis where the text goes on. */
  readonly text: string;
  readonly highlights: readonly TextRange[];
}

interface Match extends TextRange {
  /** What of the query is met. */
  readonly name: string;
}

/** More would not make a better choice. */
const matchesMax = 512;
/** Shown before the first match, so that it is read in its sentence. */
const leadChars = 40;
const ellipsis = '…';
const words = /[\p{L}\p{N}\p{M}_]+/gu;

/** Of the place that meets most of the query; of the event's beginning where it meets none, as with filters alone. */
export function snippetOf(
  body: Uint8Array | string,
  query: Query,
  { charsMax = 240 }: { readonly charsMax?: number } = {},
): Snippet {
  const { texts } = textsOf({ body });
  const wanted = Wanted.of(query);
  let best = { text: texts[0] ?? '', start: 0, matches: [] as readonly Match[], met: 0 };
  for (const text of texts) {
    const matches = wanted.matchesIn(text);
    const { start, met } = densest(matches, charsMax - leadChars);
    if (met > best.met) best = { text, start: Math.max(0, start - leadChars), matches, met };
  }
  return cut(best, charsMax);
}

/** Where the first match begins of those, no farther apart than this, that meet most of what is asked. */
function densest(matches: readonly Match[], reachChars: number): { start: number; met: number } {
  const counts = new Map<string, number>();
  let best = { start: 0, met: 0 };
  let next = 0;
  for (const [at, { start, name }] of matches.entries()) {
    for (let match = matches[next]; match !== undefined; match = matches[next]) {
      if (match.end > start + reachChars) break;
      counts.set(match.name, (counts.get(match.name) ?? 0) + 1);
      next += 1;
    }
    if (counts.size > best.met) best = { start, met: counts.size };
    if (next === at) {
      next += 1;
      continue;
    }
    const left = (counts.get(name) ?? 0) - 1;
    if (left > 0) counts.set(name, left);
    else counts.delete(name);
  }
  return best;
}

function cut(
  {
    text,
    start,
    matches,
  }: { readonly text: string; readonly start: number; readonly matches: readonly Match[] },
  charsMax: number,
): Snippet {
  const first = start === 0 ? 0 : wordStart(text, start);
  const end = notWithinPair(text, Math.min(text.length, first + charsMax));
  const before = first === 0 ? '' : ellipsis;
  const shift = before.length - first;
  return {
    text: `${before}${text.slice(first, end)}${end === text.length ? '' : ellipsis}`,
    highlights: joined(matches.filter((match) => match.start >= first && match.end <= end)).map(
      (range) => ({ start: range.start + shift, end: range.end + shift }),
    ),
  };
}

/** The next word's beginning, if there is one soon. */
function wordStart(text: string, at: number): number {
  const space = text.slice(at, at + leadChars).search(/\s/);
  return notWithinPair(text, space === -1 ? at : at + space + 1);
}

const notWithinPair = (text: string, at: number): number =>
  text.charCodeAt(at) >= 0xdc00 && text.charCodeAt(at) <= 0xdfff ? at + 1 : at;

function joined(matches: readonly TextRange[]): readonly TextRange[] {
  const apart: TextRange[] = [];
  for (const { start, end } of matches) {
    const last = apart.at(-1);
    if (last === undefined || start > last.end) apart.push({ start, end });
    else apart[apart.length - 1] = { start: last.start, end: Math.max(last.end, end) };
  }
  return apart;
}

/** A word that is looked at by its pairs of characters. */
const byPairs = Symbol('by pairs');
/** Of words that were looked at: stemming them was the larger part of what a long query cost. */
const knownWordsMax = 4_096;

/** What of a query can be seen in a text. */
class Wanted {
  static readonly #known = new WeakMap<Query, Wanted>();
  readonly #terms: ReadonlySet<string>;
  readonly #prefixes: readonly string[];
  /** What of the query a word meets. */
  readonly #metBy = new Map<string, string | typeof byPairs | undefined>();

  /** One for all events that a question finds: they have many words in common. */
  static of(query: Query): Wanted {
    const wanted = Wanted.#known.get(query) ?? new Wanted(query);
    Wanted.#known.set(query, wanted);
    return wanted;
  }

  constructor({ terms, scored, prefixes, scoredPrefixes }: Query) {
    this.#terms = new Set(terms.slice(0, scored).map((key) => key.slice(1)));
    this.#prefixes = prefixes.slice(0, scoredPrefixes);
  }

  matchesIn(text: string): Match[] {
    const matches: Match[] = [];
    const scanner = new ChunkScanner(TextCodes.of(text));
    while (scanner.next() && matches.length < matchesMax) {
      const { start, end } = scanner;
      const chunk = text.slice(start, end);
      if (isBlob(chunk)) continue;
      const { whole, place } = takeApart(chunk);
      const name = [...whole, ...place].find((term) => this.#terms.has(term));
      if (name === undefined) this.#addWords(chunk, start, matches);
      else matches.push({ start, end, name });
    }
    return matches;
  }

  #addWords(chunk: string, offset: number, matches: Match[]): void {
    for (const { 0: word, index } of chunk.matchAll(words)) {
      const start = offset + index;
      const name = this.#nameOf(word);
      if (name === byPairs) this.#addPairs(word, start, matches);
      else if (name !== undefined) matches.push({ start, end: start + word.length, name });
    }
  }

  #nameOf(word: string): string | typeof byPairs | undefined {
    if (this.#metBy.has(word)) return this.#metBy.get(word);
    const name = this.#lookAt(word);
    if (this.#metBy.size >= knownWordsMax) this.#metBy.clear();
    this.#metBy.set(word, name);
    return name;
  }

  #lookAt(word: string): string | typeof byPairs | undefined {
    const analysis = analyzeWord(normalized(word));
    if (analysis.whole.length > 1) return byPairs;
    const terms = [...analysis.whole, ...analysis.parts];
    const name = terms.find((term) => this.#terms.has(term));
    return name ?? this.#prefixOf([...terms, ...analysis.forms]);
  }

  /** Of scripts without spaces: each pair, or single character, where it stands. */
  #addPairs(run: string, offset: number, matches: Match[]): void {
    const characters = Array.from(run);
    let start = offset;
    for (const [at, character] of characters.entries()) {
      const pair = `${character}${characters[at + 1] ?? ''}`;
      const isPair = this.#terms.has(pair);
      const name = isPair ? pair : this.#prefixOf([character]);
      const end = start + (isPair ? pair.length : character.length);
      if (name !== undefined) matches.push({ start, end, name });
      start += character.length;
    }
  }

  #prefixOf(terms: readonly string[]): string | undefined {
    return this.#prefixes.find((prefix) => terms.some((term) => term.startsWith(prefix)));
  }
}

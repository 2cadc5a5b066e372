// What a chunk of text is searched by. Stored: a term means the same in every table, and any change of what is
// made of a text is a new `analysisVersion`.
//
//   Permissions        its stem
//   readFile, a_b      its stem, and that of each part
//   /src/a/read.ts:42  itself without what leads it, itself without the line, and whatever its parts are
//   C++, F#            itself, and the word before the signs
//   東京都              東京, 京都: pairs, never across scripts; a single character is found as the beginning of a pair,
//                      the last one of a run by itself
//
// Terms are what is counted and scored. Forms are not: they only answer for prefixes, where a stem no longer
// has the letters that the word had, and for the last character of a run.

import { kindAt, word as wordKind } from './chunk-scanner.ts';
import { searchLimits } from './search-limits.ts';
import { isStopWord, stemOf } from './stemming.ts';

/** Stored. */
export const analysisVersion = 1;

export interface Analysis {
  /** What names the chunk as a whole: who requires or excludes it means all of these. */
  readonly whole: readonly string[];
  /** What it is made of. */
  readonly parts: readonly string[];
  readonly forms: readonly string[];
}

interface Terms {
  readonly whole: string[];
  readonly parts: string[];
  readonly forms: string[];
}

const beyondAscii = /[^\0-\x7f]/;
const marks = /\p{M}+/gu;
const latin = /\p{Script=Latin}/u;
const lineSuffix = /:\d+(:\d+)?$/;
const signs = /^(.*[a-z0-9_])(\+\+|#)$/;
const words = /[\p{L}\p{N}\p{M}_]+/gu;
const asciiWords = /\w+/g;
const plainWord = /^[a-z]+$/i;
const digit = /^\d$/;
const number = /^\d+$/;
/** Runs of scripts that put no spaces between words, and of all others. */
const scriptRuns =
  /[\p{sc=Han}々〇]+|\p{sc=Hiragana}+|[\p{sc=Katakana}ー]+|\p{sc=Hangul}+|[\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]+|[^\p{sc=Han}々〇\p{sc=Hiragana}\p{sc=Katakana}ー\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]+/gu;
const isUnspaced =
  /^[\p{sc=Han}々〇\p{sc=Hiragana}\p{sc=Katakana}ー\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
/** Where the words of an identifier meet: `readFile`, `HTTPServer`, `snake_case`. */
const seams = /_+|(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;
const hasSeam = /_|[\p{Ll}\p{N}]\p{Lu}|\p{Lu}\p{Lu}\p{Ll}/u;
/** The same within ASCII, where they take a fraction of the time. */
const asciiSeams = /_+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/;
const hasAsciiSeam = /_|[a-z0-9][A-Z]|[A-Z][A-Z][a-z]/;

/** One way of writing a text: of letters that look or mean the same, one. Case is kept. */
export function normalized(text: string): string {
  if (!beyondAscii.test(text)) return text;
  const composed = text.normalize('NFKC');
  return latin.test(composed) ? composed.replace(words, withoutMarks) : composed;
}

const withoutMarks = (word: string): string =>
  latin.test(word) && beyondAscii.test(word) ? word.normalize('NFD').replace(marks, '') : word;

/** What a chunk is made of. */
export interface Chunk {
  /** Terms of words that are joined by something; of a word by itself there are none. */
  readonly whole: readonly string[];
  /** It without the line that it names. */
  readonly place: readonly string[];
  readonly words: readonly string[];
}

const none: readonly string[] = [];

export function takeApart(chunk: string): Chunk {
  if (plainWord.test(chunk)) return { whole: none, place: none, words: [chunk] };
  const isAscii = !beyondAscii.test(chunk);
  const text = isAscii ? chunk : normalized(chunk);
  const found = text.match(isAscii ? asciiWords : words) ?? none;
  const isWord = found.length === 1 && found[0] === text;
  return isWord ? { whole: none, place: none, words: found } : compound(text, found);
}

function compound(text: string, found: readonly string[]): Chunk {
  const lower = text.toLowerCase();
  const isKept = lower.length <= searchLimits.compoundCharsMax && isOneRun(text);
  const line = isKept && found.length > 2 && lower.includes(':') ? lower.search(lineSuffix) : -1;
  const hasPlace = line !== -1 && !number.test(lower.slice(0, line));
  const base = found.length === 1 ? signs.exec(lower)?.[1] : undefined;
  return {
    whole: isKept ? [lower] : none,
    place: hasPlace ? [lower.slice(0, line)] : none,
    words:
      base === undefined ? found.filter((word) => word.length > 1 || !digit.test(word)) : [base],
  };
}

export function analyze(chunk: string): Analysis {
  const { whole, place, words: found } = takeApart(chunk);
  const analyses = found.map(analyzeWord);
  const [first] = analyses;
  if (whole.length === 0 && analyses.length === 1 && first !== undefined) return first;
  return {
    whole,
    parts: [...place, ...analyses.flatMap((word) => [...word.whole, ...word.parts])],
    forms: analyses.flatMap(({ forms }) => forms),
  };
}

/** Whether nothing in it ended a chunk: a sign may have become several. */
function isOneRun(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (kindAt(text, at) === 0) return false;
  return kindAt(text, 0) === wordKind;
}

export function analyzeWord(word: string): Analysis {
  const terms: Terms = { whole: [], parts: [], forms: [] };
  if (!beyondAscii.test(word)) addSpaced(word, terms);
  else {
    for (const run of word.match(scriptRuns) ?? []) {
      if (isUnspaced.test(run)) addPairs(run, terms);
      else addSpaced(run, terms);
    }
  }
  return terms;
}

function addSpaced(word: string, terms: Terms): void {
  const isAscii = !beyondAscii.test(word);
  if ((isAscii ? hasAsciiSeam : hasSeam).test(word)) {
    for (const part of word.split(isAscii ? asciiSeams : seams)) {
      const isWhole = part.length === word.length || digit.test(part);
      if (part !== '' && !isWhole) addStem(part.toLowerCase(), terms, terms.parts);
    }
  }
  addStem(word.toLowerCase(), terms, terms.whole);
}

function addStem(word: string, { forms }: Terms, into: string[]): void {
  if (isStopWord(word) || word.length > searchLimits.wordCharsMax) return;
  const stem = stemOf(word);
  into.push(stem);
  if (stem !== word) forms.push(word);
}

/** Whether it is one character of a script that puts no spaces between words. */
export const isUnspacedCharacter = (text: string): boolean =>
  isUnspaced.test(text) && Array.from(text).length === 1;

export interface WordRun {
  readonly text: string;
  readonly isUnspaced: boolean;
}

/** Words and runs of characters in a text, as phrases are made of them. */
export const runsOf = (text: string): WordRun[] =>
  (text.match(words) ?? []).flatMap((word) =>
    (word.match(scriptRuns) ?? []).map((run) => ({ text: run, isUnspaced: isUnspaced.test(run) })),
  );

function addPairs(run: string, { whole, forms }: Terms): void {
  const characters = Array.from(run);
  const last = characters.at(-1) as string;
  if (characters.length === 1) whole.push(last);
  else forms.push(last);
  for (let at = 1; at < characters.length; at += 1) {
    whole.push(`${characters[at - 1]}${characters[at]}`);
  }
}

// What phrases are compared by: words in lower case, not stemmed, and of scripts without spaces single
// characters. What stands between them is not compared.

import { analyze, isUnspacedCharacter, normalized, runsOf, type WordRun } from './analysis.ts';
import { isBlob } from './blobs.ts';
import { ChunkScanner, TextCodes } from './chunk-scanner.ts';
import { searchLimits } from './search-limits.ts';

export interface Atom {
  readonly text: string;
  /** It follows the one before it immediately, in the same script. */
  readonly isJoined: boolean;
}

export const atomsOf = (text: string): Atom[] =>
  [...wordRuns(text)].flatMap((run) =>
    run.isUnspaced
      ? Array.from(run.text, (character, at) => ({ text: character, isJoined: at > 0 }))
      : { text: run.text.toLowerCase(), isJoined: false },
  );

/** Words, and runs of scripts without spaces; what is no text left out. */
function* wordRuns(text: string): Generator<WordRun> {
  const scanner = new ChunkScanner(TextCodes.of(text));
  while (scanner.next()) {
    const chunk = text.slice(scanner.start, scanner.end);
    if (!isBlob(chunk)) yield* runsOf(normalized(chunk));
  }
}

/** Whether the phrase stands in the text somewhere. */
export function hasPhrase(atoms: readonly Atom[], phrase: readonly Atom[]): boolean {
  for (let start = 0; start + phrase.length <= atoms.length; start += 1) {
    let at = 0;
    while (at < phrase.length && isSame(atoms[start + at], phrase[at], at === 0)) at += 1;
    if (at === phrase.length) return true;
  }
  return false;
}

const isSame = (one: Atom | undefined, other: Atom | undefined, isFirst: boolean): boolean =>
  one?.text === other?.text && (isFirst || one?.isJoined === other?.isJoined);

const digit = /^\d$/;

/** Terms that an event has for certain where it has the phrase. */
export function termsOfPhrase(text: string): string[] {
  const terms = new Set<string>();
  for (const run of wordRuns(text)) {
    const isKept = run.text.length <= searchLimits.wordCharsMax && !digit.test(run.text);
    if (!isKept || isUnspacedCharacter(run.text)) continue;
    for (const term of analyze(run.text.toLowerCase()).whole) terms.add(term);
  }
  return [...terms];
}

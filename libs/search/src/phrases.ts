import { type Atom, atomsOf, hasPhrase } from './atoms.ts';
import { textsOf } from './document.ts';
import type { Phrase } from './query.ts';

/** Whether an event has the phrases that it has to have, and none that it must not. */
export function hasPhrases(body: Uint8Array | string, phrases: readonly Phrase[]): boolean {
  const texts: readonly (readonly Atom[])[] = textsOf({ body }).texts.map((text) => atomsOf(text));
  return phrases.every(
    ({ atoms, isExcluded }) => texts.some((text) => hasPhrase(text, atoms)) !== isExcluded,
  );
}

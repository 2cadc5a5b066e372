// What a session's durable facts were before: values that others took the place of, so that facts can be told
// as they stood when an event was appended.
//
// (1) A value that was put while `seq` was the next one, and replaced while `endSeq` was, stood at every event
//     in between, the first of them included.
// (2) So many are kept, and so many bytes of them; the oldest go first. Of what is gone `forgottenSeq` tells up
//     to where some may be missing.
// (3) A fact that was taken away leaves no value: only that it was there.
// (4) What stood only at events that are trimmed is not kept.

import { limits } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';

export interface PastFact {
  readonly key: string;
  readonly version: number;
  /** As JSON text; none of a fact that was taken away since. */
  readonly value?: string;
  readonly timeMs: number;
  readonly seq: number;
  readonly endSeq: number;
}

export interface PastFacts {
  /** In the order in which they ended. */
  readonly entries: readonly PastFact[];
  /** Of keys and values. */
  readonly bytes: number;
  readonly forgottenSeq: number;
}

export const noPast: PastFacts = { entries: [], bytes: 0, forgottenSeq: 0 };

const bytesIn = ({ key, value = '' }: PastFact): number =>
  bytesOf(key).length + bytesOf(value).length;

export function withPast(past: PastFacts, entry: PastFact): PastFacts {
  // No event lies between: it stood at none.
  if (entry.seq === entry.endSeq) return past;
  const entries = [...past.entries, entry];
  let bytes = past.bytes + bytesIn(entry);
  let { forgottenSeq } = past;
  let gone = 0;
  while (entries.length - gone > limits.pastFactsMax || bytes > limits.pastFactsBytesMax) {
    const oldest = entries[gone] as PastFact;
    bytes -= bytesIn(oldest);
    forgottenSeq = oldest.endSeq;
    gone += 1;
  }
  return { entries: entries.slice(gone), bytes, forgottenSeq };
}

/** Invariant 3. */
export function withoutValues(past: PastFacts, key: string): PastFacts {
  if (past.entries.every((entry) => entry.key !== key)) return past;
  const entries = past.entries.map(({ value, ...entry }) =>
    entry.key === key || value === undefined ? entry : { ...entry, value },
  );
  return { ...past, entries, bytes: bytesOfAll(entries) };
}

/** Invariant 4. */
export function pastFrom(past: PastFacts, headSeq: number): PastFacts {
  const entries = past.entries.filter(({ endSeq }) => endSeq > headSeq);
  if (entries.length === past.entries.length) return past;
  return { ...past, entries, bytes: bytesOfAll(entries) };
}

const bytesOfAll = (entries: readonly PastFact[]): number =>
  entries.reduce((sum, entry) => sum + bytesIn(entry), 0);

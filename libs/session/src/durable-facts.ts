// A session's durable facts: small JSON values by key. They are apart from its events, and outlive
// whatever is trimmed of them.
//
// (1) A fact's version is the number of facts that were put or taken away in its session up to it, so
//     that no version comes twice for one key.

import { limits } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import { noPast, type PastFacts, pastFrom, withoutValues, withPast } from './past-facts.ts';

export interface DurableFact {
  readonly version: number;
  /** As JSON text. */
  readonly value: string;
  readonly timeMs: number;
  /** The next event's, when it was put. */
  readonly seq: number;
}

export interface Facts {
  /** By key, in the order in which they were put last. */
  readonly byKey: readonly (readonly [string, DurableFact])[];
  readonly count: number;
  /** Of keys and values. */
  readonly bytes: number;
  /** How many were ever put or taken away. */
  readonly changes: number;
  readonly past: PastFacts;
}

export const noFacts: Facts = { byKey: [], count: 0, bytes: 0, changes: 0, past: noPast };

export const factOf = ({ byKey }: Facts, key: string): DurableFact | undefined =>
  byKey.find(([known]) => known === key)?.[1];

const bytesIn = (key: string, value: string): number => bytesOf(key).length + bytesOf(value).length;

/** When a fact changes: at what time, and before which event. */
export interface FactMoment {
  readonly timeMs: number;
  readonly seq: number;
}

/** Undefined where it would be over a bound. */
export function putFact(
  facts: Facts,
  { key, value }: { readonly key: string; readonly value: string },
  { timeMs, seq }: FactMoment,
): Facts | undefined {
  const isFit =
    key !== '' &&
    bytesOf(key).length <= limits.factKeyBytesMax &&
    bytesOf(value).length <= limits.factValueBytesMax;
  if (!isFit) return undefined;
  const { byKey, bytes, changes, past } = without(facts, key);
  const known = factOf(facts, key);
  const next = {
    byKey: [...byKey, [key, { version: changes + 1, value, timeMs, seq }] as const],
    count: byKey.length + 1,
    bytes: bytes + bytesIn(key, value),
    changes: changes + 1,
    past: known === undefined ? past : withPast(past, { key, ...known, endSeq: seq }),
  };
  return next.count <= limits.factsMax && next.bytes <= limits.factsBytesMax ? next : undefined;
}

/** Undefined where there is no such fact. */
export function deleteFact(facts: Facts, key: string, { seq }: FactMoment): Facts | undefined {
  const known = factOf(facts, key);
  if (known === undefined) return undefined;
  const past = withPast(facts.past, { key, ...known, endSeq: seq });
  return {
    ...without(facts, key),
    changes: facts.changes + 1,
    past: withoutValues(past, key),
  };
}

/** As much of them as may still be asked for where what is kept of the session begins at a seq. */
export function factsFrom(facts: Facts, headSeq: number): Facts {
  const past = pastFrom(facts.past, headSeq);
  return past === facts.past ? facts : { ...facts, past };
}

/** A fact as it stood at an event; without a value where that was taken away since. */
export type StandingFact = Pick<DurableFact, 'version' | 'timeMs'> & {
  readonly key: string;
  readonly value?: string;
};

/**
 * Those that had been put before an event was appended, and not been replaced by then, in the order in which they
 * were put. Before `past.forgottenSeq` some may be missing.
 */
export function factsAt({ byKey, past }: Facts, seq: number): readonly StandingFact[] {
  const still = byKey
    .filter(([, fact]) => fact.seq <= seq)
    .map(([key, fact]) => ({ key, ...fact }));
  const over = past.entries.filter((fact) => fact.seq <= seq && seq < fact.endSeq);
  return [...over, ...still].sort((one, other) => one.version - other.version);
}

function without(facts: Facts, key: string): Facts {
  const known = factOf(facts, key);
  if (known === undefined) return facts;
  return {
    ...facts,
    byKey: facts.byKey.filter(([other]) => other !== key),
    count: facts.count - 1,
    bytes: facts.bytes - bytesIn(key, known.value),
  };
}

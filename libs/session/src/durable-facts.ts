// A session's durable facts: small JSON values by key. They are apart from its events, and outlive
// whatever is trimmed of them.
//
// (1) A fact's version is the number of facts that were put or taken away in its session up to it, so
//     that no version comes twice for one key.

import { limits } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';

export interface DurableFact {
  readonly version: number;
  /** As JSON text. */
  readonly value: string;
  readonly timeMs: number;
}

export interface Facts {
  /** By key, in the order in which they were put last. */
  readonly byKey: readonly (readonly [string, DurableFact])[];
  readonly count: number;
  /** Of keys and values. */
  readonly bytes: number;
  /** How many were ever put or taken away. */
  readonly changes: number;
}

export const noFacts: Facts = { byKey: [], count: 0, bytes: 0, changes: 0 };

export const factOf = ({ byKey }: Facts, key: string): DurableFact | undefined =>
  byKey.find(([known]) => known === key)?.[1];

const bytesIn = (key: string, value: string): number => bytesOf(key).length + bytesOf(value).length;

/** Undefined where it would be over a bound. */
export function putFact(
  facts: Facts,
  { key, value }: { readonly key: string; readonly value: string },
  timeMs: number,
): Facts | undefined {
  const isFit =
    key !== '' &&
    bytesOf(key).length <= limits.factKeyBytesMax &&
    bytesOf(value).length <= limits.factValueBytesMax;
  if (!isFit) return undefined;
  const { byKey, bytes, changes } = without(facts, key);
  const next = {
    byKey: [...byKey, [key, { version: changes + 1, value, timeMs }] as const],
    count: byKey.length + 1,
    bytes: bytes + bytesIn(key, value),
    changes: changes + 1,
  };
  return next.count <= limits.factsMax && next.bytes <= limits.factsBytesMax ? next : undefined;
}

/** Undefined where there is no such fact. */
export function deleteFact(facts: Facts, key: string): Facts | undefined {
  const next = without(facts, key);
  return next === facts ? undefined : { ...next, changes: facts.changes + 1 };
}

function without(facts: Facts, key: string): Facts {
  const known = factOf(facts, key);
  if (known === undefined) return facts;
  return {
    byKey: facts.byKey.filter(([other]) => other !== key),
    count: facts.count - 1,
    bytes: facts.bytes - bytesIn(key, known.value),
    changes: facts.changes,
  };
}

import type { Segment } from './segment.ts';
import { addStatistics, noDocuments } from './statistics.ts';

const k1 = 1.2;
const b = 0.75;

/** Of the whole index, whatever part of it is searched. Integers, so that no order of adding them matters. */
export interface GlobalStatistics {
  readonly counted: number;
  readonly lengthTotal: number;
  /** By the places of the query's terms. */
  readonly dfs: readonly number[];
}

export function globalStatistics(segments: readonly Segment[], terms: number): GlobalStatistics {
  const { counted, lengthTotal } = segments.reduce(
    (sum, { statistics }) => addStatistics(sum, statistics),
    noDocuments,
  );
  const dfs = Array.from({ length: terms }, (_, term) =>
    segments.reduce((sum, segment) => sum + (segment.terms[term]?.df ?? 0), 0),
  );
  return { counted, lengthTotal, dfs };
}

/** What a term gives to a document: weight * tf / (tf + base + slope * length). */
export interface Weight {
  readonly weight: number;
  readonly base: number;
  readonly slope: number;
}

export function bm25Weight({ counted, lengthTotal, dfs }: GlobalStatistics, term: number): Weight {
  const df = dfs[term] ?? 0;
  const idf = Math.log(1 + (counted - df + 0.5) / (df + 0.5));
  const averageLength = counted === 0 ? 1 : lengthTotal / counted;
  return { weight: idf * (k1 + 1), base: k1 * (1 - b), slope: (k1 * b) / averageLength };
}

/** A prefix gives the same to every document that has it: its words have no common frequency. */
export const prefixWeight: Weight = { weight: 1, base: 0, slope: 0 };

// That what is left out could not have counted: of lists of many windows the best are found as if all were scored.

import { SeededPrng } from '@tidemark/ports/testing';
import { expect, test } from 'vitest';
import type { DocRanges } from './doc-ranges.ts';
import { Documents } from './documents.ts';
import { decodeList } from './list-decoder.ts';
import { PostingsEncoder } from './postings.ts';
import type { Query } from './query.ts';
import { BestHits } from './ranking.ts';
import type { Segment } from './segment.ts';
import { SegmentSearch, WindowSpace } from './segment-search.ts';
import { TermWeights } from './term-weights.ts';
import { topsOf, unitsInWindow } from './window-tops.ts';
import type { WindowedList } from './windowed-list.ts';

const count = 40_000;
const rest = (): Promise<void> => Promise.resolve();

function documentsOf(lengths: readonly number[]): Documents {
  const head = { firstDoc: 0, count: lengths.length, cutCount: 0, blobCount: 0 };
  const decode = (): never => {
    throw new Error('no columns are needed');
  };
  return Documents.of([{ session: 's', bytes: 0, head, lengths: () => lengths, decode }]);
}

/** One of so many documents has the term, of some stretches more. */
function listOf(prng: SeededPrng, oneOf: number, lengths: readonly number[]): WindowedList {
  const documents: number[] = [];
  const frequencies: number[] = [];
  for (let document = 0; document < count; document += 1) {
    const isDense = (document >>> 11) % 5 === oneOf % 5;
    if (prng.below(isDense ? Math.ceil(oneOf / 4) : oneOf) > 0) continue;
    documents.push(document);
    frequencies.push(prng.below(3) > 0 ? 1 : 1 + prng.below(prng.below(40) === 0 ? 60 : 5));
  }
  const encoder = new PostingsEncoder(lengths);
  const postings = { documents, frequencies, start: 0, end: documents.length };
  return decodeList(encoder.encode(postings));
}

const queryOf = (scored: number): Query => ({
  terms: Array.from({ length: scored }, (_, term) => `t${term}`),
  scored,
  prefixes: [],
  scoredPrefixes: 0,
  required: [],
  excluded: [],
  phrases: [],
  filters: [],
  ignored: [],
});

function best(segment: Segment, hits: number): readonly (readonly [number, number])[] {
  const query = queryOf(segment.terms.length);
  const dfs = segment.terms.map((term) => term?.df ?? 0);
  const weights = new TermWeights(query, { ...segment.statistics, dfs });
  const [space, collector] = [new WindowSpace(), new BestHits(hits)];
  for (const _ of new SegmentSearch(segment, query, { weights, space, collector }).windows());
  return collector.inOrder().map(({ document, score }) => [document, score] as const);
}

async function made(seed: number) {
  const prng = new SeededPrng(seed);
  const lengths = Array.from(
    { length: count },
    () => 5 + prng.below(prng.below(3) === 0 ? 900 : 80),
  );
  const documents = documentsOf(lengths);
  const lists = Array.from({ length: 1 + prng.below(24) }, () =>
    listOf(prng, 2 + prng.below(prng.below(2) === 0 ? 6 : 4_000), lengths),
  );
  const firstDoc = prng.below(count);
  const some: DocRanges = [
    { firstDoc: firstDoc >>> 1, endDoc: firstDoc },
    { firstDoc: firstDoc + 1, endDoc: count },
  ];
  const searched = prng.below(2) === 0 ? [documents.range] : some;
  if (prng.below(3) > 0) {
    for (const list of lists) list.tops = await topsOf(list, documents, rest);
  }
  const segment: Segment = {
    statistics: documents.statisticsOf([documents.range]),
    documents,
    searched,
    gone: prng.below(3) === 0 ? [{ firstDoc: 1_000, endDoc: 9_000 }] : [],
    terms: lists.map((list) => ({ df: list.df, list })),
    prefixes: [],
  };
  return segment;
}

test('the best of many windows are those of a search that scores all', async () => {
  let skipped = 0;
  for (let seed = 1; seed <= 25; seed += 1) {
    const segment = await made(seed);
    const all = best(segment, count);
    for (const hits of [1, 11, 200]) expect(best(segment, hits)).toEqual(all.slice(0, hits));
    if (all.length > 200) skipped += 1;
  }
  expect(skipped).toBeGreaterThan(10);
});

test('no posting of a window is given more than the window says', async () => {
  let looked = 0;
  for (let seed = 1; seed <= 5; seed += 1) {
    const { documents, terms, statistics } = await made(seed);
    const dfs = terms.map((term) => term?.df ?? 0);
    const weights = new TermWeights(queryOf(terms.length), { ...statistics, dfs });
    for (const [term, { list } = { list: undefined }] of terms.entries()) {
      const weight = weights.terms[term];
      if (list === undefined || weight === undefined) continue;
      const tops = await topsOf(list, documents, rest);
      for (const [at, window] of list.windows.entries()) {
        const most = unitsInWindow(tops, at, weight.units);
        for (let document = 4_096 * window; document < 4_096 * (window + 1); document += 1) {
          const frequency = list.frequencyIn(document);
          if (frequency === 0) continue;
          looked += 1;
          const score = weight.scoreOf(frequency, documents.lengths[document] as number);
          expect(weights.unitsFor(score)).toBeLessThan(most);
        }
      }
    }
  }
  expect(looked).toBeGreaterThan(10_000);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type DocumentPage,
  decodeHead,
  decodeLengths,
  decodePage,
  encodePage,
  facetNames,
} from './document-page.ts';

const document = fc.record({
  length: fc.nat(100_000),
  gap: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1_000 })),
  timeMs: fc.integer({ min: 0, max: 4e12 }),
  flags: fc.nat(7),
  facets: fc.tuple(...facetNames.map(() => fc.constantFrom('', 'a', 'ü', 'agent.message'))),
});

test('a page gives back its documents', () => {
  fc.assert(
    fc.property(
      fc.array(document, { minLength: 1, maxLength: 50 }),
      fc.nat(1e9),
      fc.nat(2 ** 40),
      (given, firstDoc, firstSeq) => {
        const values = [...new Set(given.flatMap(({ facets }) => facets))];
        const facet = (at: number) => ({
          values,
          ids: given.map(({ facets }) => values.indexOf(facets[at] ?? '')),
        });
        let seq = firstSeq;
        const page: DocumentPage = {
          firstDoc,
          count: given.length,
          lengths: Uint32Array.from(given, ({ length }) => length),
          seqs: Float64Array.from(given, ({ gap }) => (seq += gap)),
          times: Float64Array.from(given, ({ timeMs }) => timeMs),
          flags: Uint8Array.from(given, ({ flags }) => flags),
          facets: { type: facet(0), level: facet(1), tool: facet(2), status: facet(3) },
        };
        const bytes = encodePage(page);
        const read = decodePage(bytes);
        expect(read).toMatchObject({ firstDoc, count: given.length });
        for (const column of ['lengths', 'seqs', 'times', 'flags'] as const) {
          expect([...read[column]]).toEqual([...page[column]]);
        }
        for (const [at, name] of facetNames.entries()) {
          const { values: kept, ids } = read.facets[name];
          expect(given.map((_, document) => kept[ids[document] as number])).toEqual(
            given.map(({ facets }) => facets[at]),
          );
        }
        expect(decodeLengths(bytes)).toEqual(page.lengths);
        expect(decodeHead(bytes)).toEqual({
          firstDoc,
          count: given.length,
          cutCount: given.filter(({ flags }) => (flags & 2) !== 0).length,
          blobCount: given.filter(({ flags }) => (flags & 4) !== 0).length,
        });
      },
    ),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joined } from './doc-ranges.ts';
import { markDocuments, PostingList, PostingsEncoder } from './postings.ts';

const posting = fc.record({
  gap: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 100_000 })),
  tf: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40_000 })),
  length: fc.integer({ min: 1, max: 60_000 }),
});

const postings = fc.array(posting, { minLength: 1, maxLength: 700, size: 'max' }).map((given) => {
  let document = -1;
  return given.map(({ gap, tf, length }) => {
    document += gap + 1;
    return { document, tf, length };
  });
});

type Given = typeof postings extends fc.Arbitrary<infer T> ? T : never;

function encoded(given: Given) {
  const lengths: number[] = [];
  for (const { document, length } of given) lengths[document] = length;
  const encoder = new PostingsEncoder(lengths);
  return encoder.encode({
    documents: given.map(({ document }) => document),
    frequencies: given.map(({ tf }) => tf),
    start: 0,
    end: given.length,
  });
}

test('a list gives back its postings, in blocks and one by one', () => {
  fc.assert(
    fc.property(postings, (given) => {
      const list = new PostingList(encoded(given));
      const read: [number, number][] = [];
      for (let block = 0; block < list.blocks; block += 1) {
        const count = list.open(block);
        expect(list.documents[count - 1]).toBe(list.lastOf(block));
        for (let at = 0; at < count; at += 1) {
          read.push([list.documents[at] as number, list.frequencies[at] as number]);
        }
      }
      expect(read).toEqual(given.map(({ document, tf }) => [document, tf]));
      for (const { document, tf } of given.toReversed().slice(0, 50)) {
        expect(list.frequencyIn(document)).toBe(tf);
      }
      const [first] = given;
      if (first !== undefined && first.document > 0)
        expect(list.frequencyIn(first.document - 1)).toBe(0);
    }),
  );
});

test('no posting of a block gives more than the block’s bound, whatever the statistics', () => {
  fc.assert(
    fc.property(postings, fc.double({ min: 1, max: 1_000, noNaN: true }), (given, average) => {
      const list = new PostingList(encoded(given));
      const give = (tf: number, length: number) => tf / (tf + 0.3 + (0.9 * length) / average);
      for (const [at, { tf, length }] of given.entries()) {
        if (list.blocks === 1) break;
        expect(list.boundOf(Math.floor(at / 128), give)).toBeGreaterThanOrEqual(give(tf, length));
      }
    }),
  );
});

test('postings in ranges are counted and marked as they are', () => {
  const range = fc
    .tuple(fc.nat(2_000), fc.nat(500))
    .map(([firstDoc, count]) => ({ firstDoc, endDoc: firstDoc + count }));
  fc.assert(
    fc.property(postings, fc.array(range, { maxLength: 4 }), (given, ranges) => {
      const apart = joined(ranges);
      const list = encoded(given);
      const isIn = (document: number) =>
        apart.some(({ firstDoc, endDoc }) => document >= firstDoc && document < endDoc);
      expect(new PostingList(list).countIn(apart)).toBe(
        given.filter(({ document }) => isIn(document)).length,
      );
      for (const { firstDoc, endDoc } of apart) {
        const marks = new Uint8Array(endDoc - firstDoc);
        markDocuments(list, { firstDoc, endDoc }, marks);
        const expected = given.filter(({ document }) => document >= firstDoc && document < endDoc);
        expect(marks.reduce((sum, mark) => sum + mark, 0)).toBe(expected.length);
        for (const { document } of expected) expect(marks[document - firstDoc]).toBe(1);
      }
    }),
  );
});

test('a list that is cut short is refused', () => {
  fc.assert(
    fc.property(postings, (given) => {
      const { df, rest } = encoded(given);
      expect(() => {
        const list = new PostingList({ df, rest: rest.subarray(0, rest.length - 1) });
        for (let block = 0; block < list.blocks; block += 1) list.open(block);
      }).toThrow(RangeError);
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joined } from './doc-ranges.ts';
import { decodeList } from './list-decoder.ts';
import { ListReader, markDocuments, PostingsEncoder } from './postings.ts';
import { TermWeight } from './term-weights.ts';

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

test('a list gives back its postings, one by one and by their documents', () => {
  fc.assert(
    fc.property(postings, (given) => {
      const reader = new ListReader(encoded(given));
      const read: [number, number][] = [];
      while (reader.next()) read.push([reader.document, reader.frequency]);
      expect(read).toEqual(given.map(({ document, tf }) => [document, tf]));
      const list = decodeList(encoded(given));
      expect(list.df).toBe(given.length);
      const had = new Set(given.map(({ document }) => document));
      for (const { document, tf } of given) {
        expect(list.frequencyIn(document)).toBe(tf);
        for (const near of [document - 1, document + 1, document + 4_096]) {
          if (!had.has(near)) expect(list.frequencyIn(near)).toBe(0);
        }
      }
    }),
  );
});

test('of a range no posting is missing, and what is decoded beside it is what the list has', () => {
  const range = fc.tuple(fc.nat(400_000), fc.nat(200_000)).map(([firstDoc, count]) => ({
    firstDoc,
    endDoc: firstDoc + 1 + count,
  }));
  fc.assert(
    fc.property(postings, range, (given, { firstDoc, endDoc }) => {
      const list = decodeList(encoded(given), { firstDoc, endDoc });
      const isIn = (document: number) => document >= firstDoc && document < endDoc;
      let found = 0;
      for (const { document, tf } of given) {
        const frequency = list.frequencyIn(document);
        expect([0, tf]).toContain(frequency);
        if (isIn(document)) expect(frequency).toBe(tf);
        if (frequency > 0) found += 1;
      }
      expect(list.df).toBe(found);
      const within = given.filter(({ document }) => isIn(document)).length;
      expect(list.df).toBeLessThanOrEqual(within + 2 * 128);
    }),
  );
});

test('no posting gives more than the bound of its list, whatever the statistics', () => {
  fc.assert(
    fc.property(postings, fc.double({ min: 1, max: 1_000, noNaN: true }), (given, average) => {
      const weight = new TermWeight({ weight: 3, base: 0.3, slope: 0.9 / average }, 1e6);
      const most = weight.mostOf(decodeList(encoded(given)));
      for (const { tf, length } of given) {
        expect(most).toBeGreaterThanOrEqual(weight.scoreOf(tf, length) * 1e6);
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
      expect(decodeList(list).countIn(apart)).toBe(
        given.filter(({ document }) => isIn(document)).length,
      );
      for (const { firstDoc, endDoc } of apart) {
        const marks = new Uint8Array(endDoc - firstDoc);
        const others = new Uint8Array(endDoc - firstDoc);
        markDocuments(list, { firstDoc, endDoc }, marks);
        decodeList(list).mark({ firstDoc, endDoc }, others);
        expect(others).toEqual(marks);
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
      const cut = { df, rest: rest.subarray(0, rest.length - 1) };
      expect(() => decodeList(cut)).toThrow(RangeError);
    }),
  );
});

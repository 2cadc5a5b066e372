import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sortInSteps } from './step-sort.ts';

test('what is sorted in steps is what is sorted at once, equals in their order', async () => {
  const rest = (): Promise<void> => Promise.resolve();
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 20_000 }),
      fc.integer({ min: 1, max: 40_000 }),
      async (count, kinds) => {
        let drawn = 1;
        const values = Array.from({ length: count }, (_, at) => {
          drawn = (Math.imul(drawn, 1_103_515_245) + 12_345 + at) >>> 0;
          return { rank: drawn % kinds, at };
        });
        const byRank = (one: (typeof values)[number], other: typeof one): number =>
          one.rank - other.rank;
        expect(await sortInSteps(values, byRank, rest)).toEqual(values.toSorted(byRank));
      },
    ),
    { numRuns: 30 },
  );
});

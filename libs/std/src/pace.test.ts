import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pace, steps } from './pace.ts';

const sizes = fc.array(fc.nat(40_000));
const stepMax = 16 * 1_024;

test('steps are all of it in its order, and none goes on once it is large enough', () => {
  fc.assert(
    fc.property(sizes, (all) => {
      const parts = [...steps(all, (size) => size)];
      expect(parts.flatMap(({ items }) => items)).toEqual(all);
      for (const { items, bytes } of parts) {
        expect(bytes).toBe(items.reduce((sum, size) => sum + size, 0));
        expect(bytes - (items.at(-1) ?? 0)).toBeLessThan(stepMax);
      }
    }),
  );
});

test('others have their turn whenever a step is done', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, async (all) => {
      let since = 0;
      const pace = new Pace(() => {
        since = 0;
        return Promise.resolve();
      });
      for (const size of all) {
        since += size;
        await pace.done(size);
        expect(since).toBeLessThan(stepMax);
      }
    }),
  );
});

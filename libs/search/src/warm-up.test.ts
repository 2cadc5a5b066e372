import { expect, test, vi } from 'vitest';
import { SearchTableReader } from './table-reader.ts';
import { warmUpSearch } from './warm-up.ts';

const questionsAsked = async (isOver: () => boolean): Promise<number> => {
  const loaded = vi.spyOn(SearchTableReader.prototype, 'load');
  await warmUpSearch({ rest: () => Promise.resolve(), isOver });
  const { length } = loaded.mock.calls;
  loaded.mockRestore();
  return length;
};

test('questions are asked of a table, and none once it has taken too long', async () => {
  expect(await questionsAsked(() => false)).toBeGreaterThan(1);
  let looks = 0;
  expect(await questionsAsked(() => ++looks > 1)).toBe(1);
  expect(await questionsAsked(() => true)).toBe(0);
});

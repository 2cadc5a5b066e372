import { expect, test } from 'vitest';
import { judge } from './alone.ts';
import type { FailedFile, SuiteResult } from './runs.ts';

const fileOf = (path: string): FailedFile => {
  return { path, passed: 2, failed: 1, skipped: 0, failures: [`${path} > a test`] };
};
const resultOf = (parts: Partial<SuiteResult>): SuiteResult => {
  const none = { passed: 0, failed: 0, skipped: 0, seconds: 1, output: '', failedFiles: [] };
  return { name: 'e2e', ...none, ...parts };
};
const never = (): Promise<SuiteResult> => Promise.reject(new Error('was run again'));

test('nothing is run again where nothing failed', async () => {
  const result = resultOf({ passed: 9 });
  expect(await judge(result, never)).toEqual({ result, failedOnce: [] });
});

test('a suite without a second run is failed by its first', async () => {
  const result = resultOf({ passed: 9, failed: 1, failedFiles: [fileOf('a')] });
  expect(await judge(result, undefined)).toEqual({ result, failedOnce: [] });
});

test('what fails again is failed', async () => {
  const failedFiles = [fileOf('a')];
  const asked: string[][] = [];
  const { result, failedOnce } = await judge(
    resultOf({ passed: 9, failed: 1, failedFiles }),
    (files) => {
      asked.push([...files]);
      return Promise.resolve(resultOf({ passed: 2, failed: 1, failedFiles }));
    },
  );
  expect(asked).toEqual([['a']]);
  expect(result).toMatchObject({ passed: 9, failed: 1, failedFiles });
  expect(failedOnce).toEqual([]);
});

test('what passes alone is counted once and named', async () => {
  const first = resultOf({ passed: 9, failed: 2, failedFiles: [fileOf('a'), fileOf('b')] });
  const { result, failedOnce } = await judge(first, () => Promise.resolve(resultOf({ passed: 6 })));
  expect(result).toMatchObject({ passed: 11, failed: 0 });
  expect(failedOnce).toEqual(['a > a test', 'b > a test']);
});

test('a skipped test is not forgotten by a run that skips it again', async () => {
  const failedFiles = [{ ...fileOf('a'), skipped: 1 }];
  const first = resultOf({ passed: 9, failed: 1, skipped: 1, failedFiles });
  const again = resultOf({ passed: 3, skipped: 1 });
  expect((await judge(first, () => Promise.resolve(again))).result).toMatchObject({ skipped: 1 });
});

test.each([
  ['outside its files', { failed: 1 }],
  ['outside as well', { failed: 2, failedFiles: [fileOf('a')] }],
  ['in many files', { failed: 4, failedFiles: ['a', 'b', 'c', 'd'].map(fileOf) }],
])('what failed %s stays failed at once', async (_, parts) => {
  const result = resultOf(parts);
  expect((await judge(result, never)).result).toBe(result);
});

// Three lanes of suites on two cores: what fails there in time may be the machine's. It is told apart by one
// more run of the failed files, with nothing beside them. Both runs are printed, and what failed only once is
// named to the end: it is to be looked at, but it is not what a run of all of them is refused for.

import type { SuiteResult } from './runs.ts';

/** More than this is no accident. */
const filesMax = 3;

export interface Judged {
  readonly result: SuiteResult;
  /** What failed beside others and passed alone. */
  readonly failedOnce: readonly string[];
}

/** @param runFiles runs these files of the suite again; undefined for one that has no second run */
export async function judge(
  first: SuiteResult,
  runFiles: ((files: readonly string[]) => Promise<SuiteResult>) | undefined,
): Promise<Judged> {
  const { failedFiles } = first;
  const sum = (of: 'passed' | 'failed' | 'skipped'): number =>
    failedFiles.reduce((total, file) => total + file[of], 0);
  // A run that broke outside its files is broken.
  const isWithin = first.failed === sum('failed') && failedFiles.length <= filesMax;
  if (runFiles === undefined || failedFiles.length === 0 || !isWithin) {
    return { result: first, failedOnce: [] };
  }
  const alone = await runFiles(failedFiles.map(({ path }) => path));
  return {
    result: {
      ...alone,
      name: first.name,
      passed: first.passed - sum('passed') + alone.passed,
      skipped: first.skipped - sum('skipped') + alone.skipped,
      seconds: first.seconds + alone.seconds,
    },
    failedOnce: alone.failed === 0 ? failedFiles.flatMap(({ failures }) => failures) : [],
  };
}

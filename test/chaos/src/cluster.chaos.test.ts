import { expect, test } from 'vitest';
import { runCluster } from './cluster-run.ts';
import { judge, withLoss } from './history-files.ts';
import { reportText } from './report-text.ts';

const seed = 20_260_101;

test('a minute of faults loses nothing, doubles nothing and shows nothing that is not so', async () => {
  const report = await runCluster({ seed, seconds: 60, say: (line) => console.log(line) });
  console.log(reportText(report));
  expect(report.violations).toEqual([]);
  expect(report.crashes).toEqual([]);
  // What is judged can fail.
  expect(judge(withLoss(report.history.entries))).not.toEqual([]);
  expect(report.history.acknowledgedEvents).toBeGreaterThan(100);
});

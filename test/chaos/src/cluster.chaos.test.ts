import { expect, test } from 'vitest';
import { runCluster } from './cluster-run.ts';
import { judge } from './history-files.ts';
import { reportText } from './report-text.ts';
import { subscriptionTamperings, withLoss } from './tampering.ts';

const seed = 20_260_101;

test('a minute of faults loses nothing, doubles nothing and shows nothing that is not so', async () => {
  const report = await runCluster({ seed, seconds: 60, say: (line) => console.log(line) });
  console.log(reportText(report));
  expect(report.violations).toEqual([]);
  expect(report.crashes).toEqual([]);
  const { entries, acknowledgedEvents } = report.history;
  // A thousand on a machine that does nothing else; a starved one has shown 60.
  expect(acknowledgedEvents).toBeGreaterThan(30);
  // What is judged can fail.
  expect(judge(withLoss(entries))).not.toEqual([]);
  for (const [kind, tamper] of subscriptionTamperings) {
    expect(judge(tamper(entries)).map(({ check }) => check)).toContain(kind);
  }
});

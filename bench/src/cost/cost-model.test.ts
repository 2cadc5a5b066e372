// docs/COST.md says what the model computes from the figures of the run that lies beside it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  type ArchiveFigures,
  embeddedRows,
  eventsAMonth,
  sharedRows,
  tableOf,
} from './cost-model.ts';
import { referenceWorkload } from './reference-workload.ts';

const read = (path: string): string =>
  readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
const figures = JSON.parse(read('figures/archive.json')) as ArchiveFigures;

test('the document has the tables as they are computed', () => {
  const page = read('../docs/COST.md');
  expect(page).toContain(tableOf(embeddedRows(figures, referenceWorkload)));
  expect(page).toContain(tableOf(sharedRows(figures, referenceWorkload)));
});

test('of a workload that goes by bytes, twice the agents cost twice what grows with them', () => {
  const once = { ...referenceWorkload, agents: 100_000 };
  const twice = { ...once, agents: 2 * once.agents };
  expect(eventsAMonth(twice)).toBe(2 * eventsAMonth(once));
  const sums = [once, twice].map((workload) =>
    sharedRows(figures, workload)
      .filter(({ what }) => what !== 'disks of the brokers')
      .reduce((sum, { dollars }) => sum + dollars, 0),
  );
  expect(sums[1]).toBeCloseTo(2 * (sums[0] ?? 0), 6);
});

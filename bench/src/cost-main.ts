// node bench/src/cost-main.ts [figures of the benchmark `archive`]
//
// The tables of docs/COST.md.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { type ArchiveFigures, embeddedRows, sharedRows, tableOf } from './cost/cost-model.ts';
import { referenceWorkload } from './cost/reference-workload.ts';

const [, , file = join(import.meta.dirname, '../figures/archive.json')] = argv;
const figures = JSON.parse(await readFile(file, 'utf8')) as ArchiveFigures;
for (const rows of [embeddedRows, sharedRows]) {
  stdout.write(`${tableOf(rows(figures, referenceWorkload))}\n\n`);
}

// node bench/src/cranfield-main.ts <folder with cran.all.1400, cran.qry and cranqrel>
//
// How well words find what people judged to be relevant: nDCG@10 over the 225 queries of the Cranfield collection,
// which is not shipped. Its judgements name queries by their order, and 1 is the best of four grades.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { TidemarkIndex } from './search/tidemark-index.ts';

const depth = 10;

interface Entry {
  readonly id: number;
  readonly text: string;
}

/** Sections of an entry begin with a dot and a letter: number, title, author, source, words. */
function entriesOf(file: string, sections: readonly string[]): Entry[] {
  return file
    .split(/^\.I /m)
    .slice(1)
    .map((entry) => {
      const [head = '', ...parts] = entry.split(/^\.([A-Z])$/m);
      const texts = sections.map((section) => parts[parts.indexOf(section) + 1] ?? '');
      return { id: Number(head), text: texts.join('\n').trim() };
    });
}

function judgementsOf(file: string): Map<number, Map<number, number>> {
  const byQuery = new Map<number, Map<number, number>>();
  for (const line of file.trim().split('\n')) {
    const [query = 0, document = 0, grade = 0] = line.trim().split(/\s+/).map(Number);
    const grades = byQuery.get(query) ?? new Map<number, number>();
    if (grade >= 1 && grade <= 4) grades.set(document, 5 - grade);
    byQuery.set(query, grades);
  }
  return byQuery;
}

const gainOf = (grades: readonly number[]): number =>
  grades.slice(0, depth).reduce((sum, grade, at) => sum + grade / Math.log2(at + 2), 0);

const folder = argv[2];
if (folder === undefined) throw new Error('usage: cranfield-main.ts <folder>');
const [documents, queries, judged] = await Promise.all(
  ['cran.all.1400', 'cran.qry', 'cranqrel'].map((name) => readFile(join(folder, name), 'utf8')),
);
const index = await TidemarkIndex.of(
  entriesOf(documents ?? '', ['T', 'W']).map(({ id, text }) => ({
    session: 'cranfield',
    seq: id,
    timeMs: 0,
    body: JSON.stringify({ type: 'user.message', content: text }),
  })),
);
const judgements = judgementsOf(judged ?? '');
let graded = 0;
let binary = 0;
const asked = entriesOf(queries ?? '', ['W']);
for (const [at, { text }] of asked.entries()) {
  const grades = judgements.get(at + 1) ?? new Map<number, number>();
  const hits = await index.query(text.replaceAll(/[^\p{L}\p{N}\s]/gu, ' '));
  const found = hits.map(({ seq }) => grades.get(seq) ?? 0);
  const best = [...grades.values()].sort((one, other) => other - one);
  const isRelevant = (grade: number): number => (grade > 0 ? 1 : 0);
  graded += gainOf(found) / (gainOf(best) || 1);
  binary += gainOf(found.map(isRelevant)) / (gainOf(best.map(isRelevant)) || 1);
}
const shown = (sum: number): string => (sum / asked.length).toFixed(4);
stdout.write(
  `nDCG@${depth} over ${asked.length} queries: ${shown(graded)} graded, ${shown(binary)} binary\n`,
);

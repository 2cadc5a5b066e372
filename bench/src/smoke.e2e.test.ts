// Runs every benchmark for a moment, without the references that have to be installed: none may rot.
// What is measured is not judged here.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Row } from './result.ts';
import { suite } from './suite.ts';

const run = promisify(execFile);

interface Report {
  readonly results: readonly { readonly name: string; readonly rows: readonly Row[] }[];
}

/** A minute on a machine of its own; it need not have one. */
const smokeMs = 300_000;

let folder = '';
let report: Report = { results: [] };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-smoke-'));
  const file = join(folder, 'report.json');
  const main = join(import.meta.dirname, 'main.ts');
  await run(process.execPath, [main, '--smoke', '--json', file], { maxBuffer: 16 * 1024 * 1024 });
  report = JSON.parse(await readFile(file, 'utf8')) as Report;
}, smokeMs);

afterAll(() => rm(folder, { recursive: true, force: true }));

function numbersIn(row: Row): number[] {
  const values = Object.values({ ...row, ...row.more });
  return values.filter((value) => typeof value === 'number' && Number.isFinite(value)) as number[];
}

describe('a smoke run', () => {
  test.each(suite.map(({ name }) => name))('prints rows with numbers for %s', (name) => {
    const rows = report.results.find((result) => result.name === name)?.rows ?? [];
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(numbersIn(row).some((value) => value > 0)).toBe(true);
  });
});

// One run of one suite: a child process whose output is kept whole, and its counts.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join, relative, resolve } from 'node:path';

export const root: string = resolve(import.meta.dirname, '../../..');

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface SuiteResult extends Counts {
  readonly name: string;
  readonly seconds: number;
  readonly output: string;
  readonly failedFiles: readonly FailedFile[];
  /** Where it ended without a report of its files. */
  readonly broken?: string;
}

/** Of which a test failed, or all of it did. */
export interface FailedFile extends Counts {
  readonly path: string;
  /** A few lines for each test that failed, or for the file. */
  readonly failures: readonly string[];
}

export interface SuiteRun {
  readonly name: string;
  /** Path of the vitest that runs it, and its arguments. */
  readonly vitest: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly reportFile: string;
  /** Waits for a core whenever another wants it. */
  readonly isPatient?: boolean;
}

interface TestReport {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
}

interface FileReport {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly TestReport[];
}

interface Report {
  readonly success: boolean;
  readonly testResults: readonly FileReport[];
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

export async function runSuite(run: SuiteRun): Promise<SuiteResult> {
  const startMs = performance.now();
  const { output, code } = await runChild(run);
  const told = await toldBy(run.reportFile, code);
  return { name: run.name, output, ...told, seconds: (performance.now() - startMs) / 1_000 };
}

/** Shared by all that a suite starts: very many of its processes are short. */
const compileCache = join(root, '.cache/compile');

/** Of the operating system, inherited by whatever the suite starts. */
const patientPriority = 10;

function runChild({
  vitest,
  args,
  folder,
  env,
  isPatient,
}: SuiteRun): Promise<{ output: string; code: number }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [vitest, ...args], {
      cwd: folder,
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: compileCache,
        ...env,
        NO_COLOR: '1',
        FORCE_COLOR: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (isPatient === true && child.pid !== undefined) setPriority(child.pid, patientPriority);
    const pieces: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (piece: string) => pieces.push(piece));
    child.stderr.setEncoding('utf8').on('data', (piece: string) => pieces.push(piece));
    child.once('close', (code) => done({ output: pieces.join(''), code: code ?? 1 }));
  });
}

/** A run that broke outside its tests has failed once more than its tests did. */
async function toldBy(
  reportFile: string,
  code: number,
): Promise<Counts & Pick<SuiteResult, 'failedFiles' | 'broken'>> {
  const text = await readFile(reportFile, 'utf8').catch(() => undefined);
  if (text === undefined) {
    const broken = `no report, exit code ${code}`;
    return { passed: 0, failed: 1, skipped: 0, failedFiles: [], broken };
  }
  const report = JSON.parse(text) as Report;
  const brokeOutside = (code !== 0 || !report.success) && report.numFailedTests === 0;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + (brokeOutside ? 1 : 0),
    skipped: report.numPendingTests + report.numTodoTests,
    failedFiles: report.testResults.filter(({ status }) => status === 'failed').map(failedFileOf),
  };
}

/** Enough of an error to know it again; all of it is in the suite's output. */
const errorLinesMax = 8;

function failedFileOf({ name, message, assertionResults }: FileReport): FailedFile {
  const path = relative(root, name);
  const failed = assertionResults.filter(({ status }) => status === 'failed');
  const passed = assertionResults.filter(({ status }) => status === 'passed').length;
  const failures = failed.map(
    ({ fullName, failureMessages }) =>
      `${path} > ${fullName}\n${firstLines(failureMessages.join('\n'))}`,
  );
  return {
    path,
    passed,
    failed: Math.max(1, failed.length),
    skipped: assertionResults.length - passed - failed.length,
    failures: failures.length > 0 ? failures : [`${path}: ${firstLines(message)}`],
  };
}

const firstLines = (text: string): string => text.split('\n').slice(0, errorLinesMax).join('\n');

export const vitestOfRepository: string = join(root, 'node_modules/vitest/vitest.mjs');
export const vitestOfPublicSuite: string = join(
  root,
  'node_modules/@durable-streams/server-conformance-tests/node_modules/vitest/vitest.mjs',
);

// The command line as its user has it: a process of its own, with what it says and how it ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';

const main = resolve(import.meta.dirname, '../../../apps/cli/src/main.ts');

export interface CliAnswer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliParts {
  readonly url: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
}

export interface StartedCli {
  readonly child: ChildProcess;
  readonly ended: Promise<CliAnswer>;
  readonly out: () => string;
  readonly err: () => string;
}

export function startCli(
  args: readonly string[],
  { url, env = {}, input, cwd }: CliParts,
): StartedCli {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TIDEMARK_URL: url, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: 'pipe',
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => {
    out += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    err += piece.toString();
  });
  if (input !== undefined) child.stdin.end(input);
  const ended = new Promise<CliAnswer>((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => done({ code, out, err }));
  });
  return { child, ended, out: () => out, err: () => err };
}

export const runCli = (args: readonly string[], parts: CliParts): Promise<CliAnswer> =>
  startCli(args, { input: '', ...parts }).ended;

/** Lines of JSON. */
export const jsonOf = ({ out }: CliAnswer): Record<string, unknown>[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

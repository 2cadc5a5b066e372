// A child must die with its parent whatever way the parent dies, so the parent here is a process of
// its own that is killed for real.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startSupervised } from './supervisor.ts';

const parentSource = `
  import { startSupervised } from ${JSON.stringify(join(import.meta.dirname, 'supervisor.ts'))};
  const child = await startSupervised({
    command: 'sh',
    args: ['-c', 'sleep 600 & echo $!; wait'],
    logFile: process.argv[1],
  });
  console.log(child.pid);
  setInterval(() => undefined, 1_000);
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function becomesTrue(condition: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 500 && !condition(); attempt += 1) await wait(20);
  return condition();
}

test('a SIGKILL of the parent kills the child and what the child started', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-supervisor-'));
  const logFile = join(folder, 'child.log');
  const parent = spawn(
    process.execPath,
    ['--input-type=module-typescript', '-e', parentSource, logFile],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const childPid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
  const ownLog = async (): Promise<string> => (await readFile(logFile, 'utf8')).trim();
  for (let attempt = 0; attempt < 500 && (await ownLog()) === ''; attempt += 1) await wait(20);
  const grandchildPid = Number(await ownLog());
  expect(isAlive(childPid)).toBe(true);
  expect(isAlive(grandchildPid)).toBe(true);

  parent.kill('SIGKILL');

  expect(await becomesTrue(() => !isAlive(childPid) && !isAlive(grandchildPid))).toBe(true);
  await rm(folder, { recursive: true });
});

test('tells the code of a child that ended and the signal of one that was killed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-supervisor-'));
  const logFile = join(folder, 'child.log');
  const ended = await startSupervised({ command: 'sh', args: ['-c', 'exit 3'], logFile });
  expect(await ended.ended).toEqual({ code: 3, signal: null });
  const killed = await startSupervised({ command: 'sleep', args: ['600'], logFile });
  killed.kill('SIGKILL');
  expect(await killed.ended).toEqual({ code: null, signal: 'SIGKILL' });
  expect(killed.isRunning()).toBe(false);
  await rm(folder, { recursive: true });
});

test('a command that is not there is an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-supervisor-'));
  const logFile = join(folder, 'child.log');
  await expect(
    startSupervised({ command: 'no-such-command-here', args: [], logFile }),
  ).rejects.toThrow('did not start');
  await rm(folder, { recursive: true });
});

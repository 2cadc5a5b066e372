import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { endedChildrenCpuSeconds } from '../process-figures.ts';
import { repository } from './tidemark.ts';

const main = join(repository, 'apps/cli/src/main.ts');

export interface Commanded {
  /** From its start to its end, as its user waits. */
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** The command line, as a process of its own. No other child may end meanwhile. */
export async function command(url: string, words: readonly string[]): Promise<Commanded> {
  const cpuBefore = endedChildrenCpuSeconds();
  const startMs = performance.now();
  const env = { ...process.env, TIDEMARK_URL: url };
  const child = spawn(process.execPath, [main, ...words], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-1_000);
  });
  const code = await new Promise<number | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
  const seconds = (performance.now() - startMs) / 1_000;
  if (code !== 0) throw new Error(`${words.slice(0, 2).join(' ')} ended with ${code}: ${said}`);
  return { seconds, cpuSeconds: endedChildrenCpuSeconds() - cpuBefore };
}

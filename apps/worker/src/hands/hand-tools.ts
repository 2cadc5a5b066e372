// What hands do, in one folder. They are told nothing that is secret, and have no way to ask.

import { spawn } from 'node:child_process';
import { mkdir, open, readdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';

export interface HandRequest {
  readonly id: number;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface HandResult {
  readonly text: string;
  readonly isError: boolean;
  /** Of a command. */
  readonly exitCode?: number | undefined;
}

const textBytesMax = 256 * 1_024;
const commandMsMax = 120_000;
const namesMax = 1_000;

const argument = (args: HandRequest['args'], name: string): string => {
  const value = args[name];
  if (typeof value === 'string') return value;
  throw new Error(`${name} is text`);
};

/** Where a path leads, links followed as far as there is something; throws where that is outside. */
async function within(folder: string, path: string): Promise<string> {
  const home = await realpath(folder);
  const wanted = resolve(home, path);
  let known = wanted;
  while (known !== home) {
    const real = await realpath(known).catch(() => undefined);
    if (real !== undefined) {
      known = real;
      break;
    }
    if (dirname(known) === known) break;
    known = dirname(known);
  }
  const isInside = (place: string): boolean => place === home || place.startsWith(home + sep);
  if (isInside(known) && isInside(wanted)) return wanted;
  throw new Error('that is outside of the working folder');
}

const cut = (text: string, isCut: boolean): string => (isCut ? `${text}\n[cut here]` : text);

async function readText(path: string): Promise<string> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.min(size, textBytesMax));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return cut(bytes.subarray(0, bytesRead).toString('utf8'), size > textBytesMax);
}

/** The command that runs, by its group. */
let running: number | undefined;

/** What a command has begun ends with these hands. */
export const endCommand = (): void => endGroup(running);

/** A command and all that it began: what it leaves behind ends with it. */
function bash(folder: string, command: string): Promise<HandResult> {
  return new Promise((done) => {
    const child = spawn('bash', ['-c', command], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: commandMsMax,
      killSignal: 'SIGKILL',
    });
    running = child.pid;
    let text = '';
    let isCut = false;
    const take = (piece: Buffer): void => {
      const room = textBytesMax - text.length;
      isCut ||= piece.length > room;
      text += piece.toString('utf8').slice(0, Math.max(0, room));
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (cause) => done({ text: cause.message, isError: true }));
    child.on('exit', endCommand);
    child.on('close', (code, signal) => {
      running = undefined;
      const exitCode = code ?? 128;
      const why = signal === null ? '' : `\n[ended by ${signal}]`;
      done({ text: cut(text, isCut) + why, isError: exitCode !== 0, exitCode });
    });
  });
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

async function done(folder: string, { tool, args }: HandRequest): Promise<HandResult> {
  switch (tool) {
    case 'bash':
      return bash(folder, argument(args, 'command'));
    case 'read':
      return { text: await readText(await within(folder, argument(args, 'path'))), isError: false };
    case 'write': {
      const path = await within(folder, argument(args, 'path'));
      const text = argument(args, 'text');
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      return { text: `wrote ${Buffer.byteLength(text)} bytes`, isError: false };
    }
    case 'ls': {
      const path = await within(folder, argument(args, 'path'));
      const names = await readdir(path, { withFileTypes: true });
      const shown = names.map((each) => (each.isDirectory() ? `${each.name}/` : each.name)).sort();
      const text = shown.slice(0, namesMax).join('\n');
      return { text: cut(text, shown.length > namesMax), isError: false };
    }
    default:
      return { text: `there is no tool ${tool}`, isError: true };
  }
}

export async function useTool(folder: string, request: HandRequest): Promise<HandResult> {
  try {
    return await done(folder, request);
  } catch (cause) {
    return { text: cause instanceof Error ? cause.message : String(cause), isError: true };
  }
}

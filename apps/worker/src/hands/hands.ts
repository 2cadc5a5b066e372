// Hands from the side of the brain. Where the machine has name spaces they see no other process than
// their own; elsewhere they are a process in a folder, under the worker's own user.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { HandResult } from './hand-tools.ts';

export type Confinement = 'name spaces' | 'folder';

const unshare = 'unshare';
const apart: readonly string[] = [
  '--user',
  '--map-root-user',
  '--mount',
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child',
];

/** What the machine has. */
export const confinementHere = (): Promise<Confinement> =>
  new Promise((resolve) => {
    const child = spawn(unshare, [...apart, 'true'], { stdio: 'ignore', env: {} });
    child.on('error', () => resolve('folder'));
    child.on('exit', (code) => resolve(code === 0 ? 'name spaces' : 'folder'));
  });

export interface HandsPlace {
  readonly folder: string;
  readonly confinement: Confinement;
  /** Where commands are looked for. */
  readonly path: string;
}

export class Hands implements Disposable {
  readonly #child: ChildProcess;
  readonly #isApart: boolean;
  readonly #waiting = new Map<number, (result: HandResult) => void>();
  #count = 0;
  #isLost = false;

  private constructor(child: ChildProcess, isApart: boolean) {
    this.#child = child;
    this.#isApart = isApart;
    if (child.stdout === null) throw new Error('hands without an output');
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line));
    child.on('error', () => this.#lose());
    child.on('exit', () => this.#lose());
    child.stdin?.on('error', () => undefined);
  }

  static async open({ folder, confinement, path }: HandsPlace): Promise<Hands> {
    await mkdir(folder, { recursive: true });
    const main = join(import.meta.dirname, 'main.ts');
    const isApart = confinement === 'name spaces';
    const [command, args] = isApart
      ? [unshare, [...apart, process.execPath, main]]
      : [process.execPath, [main]];
    // Nothing of the brain's environment.
    const env = { PATH: path, HOME: folder, LANG: 'C.UTF-8' };
    const child = spawn(command, args, { cwd: folder, env, stdio: ['pipe', 'pipe', 'ignore'] });
    return new Hands(child, isApart);
  }

  use(tool: string, args: Readonly<Record<string, unknown>>): Promise<HandResult> {
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      if (this.#isLost) this.#lose();
      else this.#child.stdin?.write(`${JSON.stringify({ id, tool, args })}\n`);
    });
  }

  /** Apart, all that they began ends with the first of their processes; else they end it themselves. */
  [Symbol.dispose](): void {
    this.#child.stdin?.end();
    this.#child.kill(this.#isApart ? 'SIGKILL' : 'SIGTERM');
  }

  #hear(line: string): void {
    const { id, ...result } = JSON.parse(line) as HandResult & { readonly id: number };
    this.#waiting.get(id)?.(result);
    this.#waiting.delete(id);
  }

  #lose(): void {
    this.#isLost = true;
    for (const resolve of this.#waiting.values()) {
      resolve({ text: 'the hands were lost', isError: true });
    }
    this.#waiting.clear();
  }
}

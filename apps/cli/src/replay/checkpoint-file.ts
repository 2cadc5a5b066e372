// How far a replay has got, in a file that is replaced as one:
//
//   {version, what, after, before, skip, events, pending}
//
// `what` names the filters and the target: a file of another replay is refused. Of the partition that `skip` names,
// what lies below its offset is done as well. `pending` are files that may be there and count for nothing.

import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const version = 1;

export interface ReplayState {
  readonly what: string;
  readonly after: string;
  /** Where the replay ends: where the log did when it began. */
  readonly before: string;
  readonly skip: { readonly partition: number; readonly below: number } | null;
  readonly events: number;
  readonly pending: readonly string[];
}

export class CheckpointFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async read(what: string): Promise<ReplayState | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw cause;
    }
    const state = JSON.parse(text) as ReplayState & { readonly version: number };
    if (state.version !== version || state.what !== what) {
      throw new Error(`${this.#path} is the checkpoint of another replay`);
    }
    return state;
  }

  /** Durable once it resolves. */
  async write(state: ReplayState): Promise<void> {
    const text = `${JSON.stringify({ version, ...state })}\n`;
    const fresh = `${this.#path}.new`;
    await writeDurably(fresh, [Buffer.from(text)]);
    await rename(fresh, this.#path);
    await syncFolder(dirname(this.#path));
  }
}

export async function writeDurably(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  await using file = await open(path, 'w');
  for (const piece of pieces) await file.writeFile(piece);
  await file.sync();
}

export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

// A disk that forgets at a crash whatever was not synced, and tears what was being written.

import { assert, present } from '@tidemark/std';
import { Fault } from '../fault.ts';
import type { FileInfo, Files, Folder, OpenFile } from '../files.ts';
import type { SeededPrng } from './seeded-prng.ts';

/** What a file holds: as the process sees it, and as a crash would leave it. */
interface FileState {
  visible: Uint8Array;
  durable: Uint8Array;
}

export type CrashPoint =
  /** The call has done nothing. */
  | 'before'
  /** It has done some of it. */
  | 'torn'
  /** It has done everything and not answered. */
  | 'after';

export interface SimulatedFilesOptions {
  readonly prng: SeededPrng;
  /** A disk without its syncs: a write answers at once and is forgotten at a crash. */
  readonly forgetsSyncs?: boolean;
}

const sectorBytes = 512;

export class SimulatedFiles implements Files {
  /** Calls that change something, since the disk was made. */
  writeCalls = 0;
  /** Bytes that the disk has room for. */
  capacityBytes = Number.POSITIVE_INFINITY;
  readonly #options: SimulatedFilesOptions;
  readonly #files = new Map<string, FileState>();
  readonly #locks = new Set<string>();
  /** Calls of an earlier generation belong to a process that is gone. */
  #generation = 1;
  #crash: { readonly atCall: number; readonly point: CrashPoint } | undefined;
  #failure: { readonly atCall: number; readonly fault: Fault } | undefined;
  #onCrash: () => void = () => undefined;

  constructor(options: SimulatedFilesOptions) {
    this.#options = options;
  }

  /** Loses power at the nth changing call. The promise resolves once it has. */
  crashAt(atCall: number, point: CrashPoint): Promise<void> {
    this.#crash = { atCall, point };
    return new Promise((resolve) => {
      this.#onCrash = resolve;
    });
  }

  /** Takes back what `crashAt` and `failAt` have planned. */
  disarm(): void {
    this.#crash = undefined;
    this.#failure = undefined;
  }

  /** The nth changing call fails, torn where the fault says that its effect is unknown. */
  failAt(atCall: number, fault: Fault): void {
    this.#failure = { atCall, fault };
  }

  /** The machine stops: no call under way returns, and what was not synced is gone. */
  crash(): void {
    this.#generation += 1;
    this.#locks.clear();
    for (const file of this.#files.values()) file.visible = file.durable.slice();
    this.#onCrash();
  }

  file(path: string): Uint8Array {
    return present(this.#files.get(path), `file ${path}`).visible.slice();
  }

  paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  /** Puts these bytes on the disk, as rot or an operator would. */
  replace(path: string, bytes: Uint8Array): void {
    this.#files.set(path, { visible: bytes.slice(), durable: bytes.slice() });
  }

  async openFolder(path: string): Promise<Folder> {
    if (this.#locks.has(path)) {
      throw new Fault('locked', `folder is held by another process. path=${path}`, {
        effect: 'none',
      });
    }
    this.#locks.add(path);
    return this.#folder(path, this.#generation);
  }

  #folder(path: string, generation: number): Folder {
    const pathOf = (name: string): string => `${path}/${name}`;
    const open = (name: string): OpenFile => this.#open(pathOf(name), generation);
    return {
      list: () => this.#call(generation, () => this.#list(path)),
      create: async (name, bytes) => {
        await this.#change(generation, (part) => this.#create(pathOf(name), bytes, part));
        return open(name);
      },
      open: (name) => this.#call(generation, () => open(name)),
      remove: (name) =>
        this.#change(generation, (part) => {
          if (part === 'all' || this.#options.prng.chance(0.5)) this.#files.delete(pathOf(name));
        }),
      [Symbol.asyncDispose]: async () => {
        if (generation === this.#generation) this.#locks.delete(path);
      },
    };
  }

  #list(path: string): FileInfo[] {
    return this.paths()
      .filter((file) => file.startsWith(`${path}/`))
      .map((file) => ({ name: file.slice(path.length + 1), bytes: this.file(file).length }));
  }

  #create(path: string, bytes: number, part: 'all' | 'torn'): void {
    const usedBytes = [...this.#files.values()].reduce((sum, file) => sum + file.visible.length, 0);
    if (usedBytes + bytes > this.capacityBytes) throw full();
    assert(!this.#files.has(path), `a file is created once. path=${path}`);
    const { prng } = this.#options;
    if (part === 'torn' && prng.chance(0.3)) return;
    this.replace(path, new Uint8Array(part === 'torn' ? prng.below(bytes + 1) : bytes));
  }

  #open(path: string, generation: number): OpenFile {
    const stateOf = (): FileState => present(this.#files.get(path), `file ${path}`);
    return {
      read: (target, position) =>
        this.#call(generation, () => {
          const found = stateOf().visible.subarray(position, position + target.length);
          target.set(found);
          return found.length;
        }),
      writeSynced: (bytes, position) => {
        const copy = bytes.slice();
        return this.#change(generation, (part) => this.#write(stateOf(), { copy, position, part }));
      },
      close: () => this.#call(generation, () => undefined),
    };
  }

  #write(
    file: FileState,
    write: { readonly copy: Uint8Array; readonly position: number; readonly part: 'all' | 'torn' },
  ): void {
    const { copy, position, part } = write;
    const end = position + copy.length;
    file.visible = extended(file.visible, end);
    if (part === 'all') {
      file.visible.set(copy, position);
      if (this.#options.forgetsSyncs !== true) {
        file.durable = extended(file.durable, end);
        file.durable.set(copy, position);
      }
      return;
    }
    file.durable = extended(file.durable, end);
    // Sectors reach the disk in any order, and one of them may be cut.
    for (let at = 0; at < copy.length; at += sectorBytes) {
      const sector = copy.subarray(at, at + sectorBytes);
      const kept = this.#options.prng.chance(0.5) ? sector.length : 0;
      const cut = this.#options.prng.chance(0.2) ? this.#options.prng.below(sector.length) : kept;
      file.durable.set(sector.subarray(0, cut), position + at);
      file.visible.set(sector.subarray(0, cut), position + at);
    }
  }

  #call<T>(generation: number, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      queueMicrotask(() => {
        if (generation !== this.#generation) return;
        try {
          resolve(effect());
        } catch (cause) {
          reject(cause as Error);
        }
      });
    });
  }

  /** A changing call: takes a turn of the event loop, as a thread of its own would. */
  #change(generation: number, effect: (part: 'all' | 'torn') => void): Promise<void> {
    if (generation !== this.#generation) return new Promise(() => undefined);
    this.writeCalls += 1;
    const call = this.writeCalls;
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        if (generation !== this.#generation) return;
        const crash = this.#crash?.atCall === call ? this.#crash : undefined;
        const failure = this.#failure?.atCall === call ? this.#failure : undefined;
        try {
          if (failure?.fault.effect === 'unknown') effect('torn');
          if (failure !== undefined) throw failure.fault;
          if (crash?.point !== 'before') effect(crash?.point === 'torn' ? 'torn' : 'all');
          if (crash !== undefined) return this.crash();
          resolve();
        } catch (cause) {
          reject(cause as Error);
        }
      });
    });
  }
}

const full = (): Fault => new Fault('full', 'no space left on the disk', { effect: 'none' });

function extended(bytes: Uint8Array, end: number): Uint8Array {
  if (bytes.length >= end) return bytes;
  const longer = new Uint8Array(end);
  longer.set(bytes);
  return longer;
}

// Events as files in a folder, by day:
//
//   <folder>/day=<YYYY-MM-DD>/<partition>-<first offset>-<end offset>.<format>
//
// (1) A window is consecutive events of a partition, up to a bound that is a function of the events alone: whoever
//     begins at the end of one window makes the same files from there on, to the byte.
// (2) Files of a window are written under `.partial`, named as pending in the checkpoint, given their names, and
//     only then is the window done. Whoever resumes removes what is pending, and makes the window again.

import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EventFormat, EventLine } from '@tidemark/parquet';
import { syncFolder } from './checkpoint-file.ts';
import { EventFile } from './event-files.ts';
import type { OnSettled, ReplayTarget, TakenBatch } from './replay-target.ts';

export interface WindowBounds {
  readonly events: number;
  readonly bytes: number;
  /** Files that are open at once. */
  readonly days: number;
}

export const windowDefaults: WindowBounds = {
  events: 1_000_000,
  bytes: 512 * 1024 * 1024,
  days: 8,
};

interface FolderOptions {
  readonly folder: string;
  readonly format: EventFormat;
  readonly bounds: WindowBounds;
  readonly timeMsOf: (text: string) => number | undefined;
  readonly onSettled: OnSettled;
}

interface Window {
  readonly partition: number;
  readonly firstOffset: number;
  endOffset: number;
  events: number;
  bytes: number;
  readonly files: Map<string, EventFile>;
}

const partial = '.partial';
const padded = (offset: number): string => String(offset).padStart(16, '0');

export class FolderTarget implements ReplayTarget {
  readonly #options: FolderOptions;
  #window: Window | undefined;

  private constructor(options: FolderOptions) {
    this.#options = options;
  }

  static async open(options: FolderOptions, pending: readonly string[]): Promise<FolderTarget> {
    const { folder } = options;
    await rm(join(folder, partial), { recursive: true, force: true });
    await mkdir(join(folder, partial), { recursive: true });
    for (const name of pending) await rm(join(folder, name), { force: true });
    return new FolderTarget(options);
  }

  async take({ partition, lines }: TakenBatch): Promise<void> {
    for (const line of lines) await this.#add(partition, line);
  }

  async #add(partition: number, line: EventLine): Promise<void> {
    const { bounds } = this.#options;
    const { offset, time } = line.head;
    const day = time.slice(0, 10);
    const open = this.#window;
    const isOneTooMany = open?.files.has(day) === false && open.files.size >= bounds.days;
    if (isOneTooMany) await this.#end();
    this.#window ??= {
      partition,
      firstOffset: offset,
      endOffset: offset,
      events: 0,
      bytes: 0,
      files: new Map(),
    };
    const window = this.#window;
    const file = window.files.get(day) ?? (await this.#create(window, day));
    await file.add(line, this.#options.timeMsOf(time) ?? 0);
    window.endOffset = offset + 1;
    window.events += 1;
    window.bytes += line.line.length;
    if (window.events >= bounds.events || window.bytes >= bounds.bytes) await this.#end();
  }

  async #create({ files }: Window, day: string): Promise<EventFile> {
    const { folder, format } = this.#options;
    const file = await EventFile.create(join(folder, partial, day), format);
    files.set(day, file);
    return file;
  }

  async endPartition(): Promise<void> {
    await this.#end();
  }

  async #end(): Promise<void> {
    const window = this.#window;
    if (window === undefined) return;
    this.#window = undefined;
    const { folder, onSettled } = this.#options;
    const names = new Map([...window.files.keys()].map((day) => [day, this.#nameOf(window, day)]));
    for (const file of window.files.values()) await file.end();
    const { partition, firstOffset, endOffset, events } = window;
    await onSettled({ partition, below: firstOffset, events: 0 }, [...names.values()]);
    for (const [day, name] of names) {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await rename(join(folder, partial, day), path);
      await syncFolder(dirname(path));
    }
    await syncFolder(folder);
    await onSettled({ partition, below: endOffset, events }, []);
  }

  #nameOf({ partition, firstOffset, endOffset }: Window, day: string): string {
    const range = `${partition}-${padded(firstOffset)}-${padded(endOffset)}`;
    return join(`day=${day}`, `${range}.${this.#options.format}`);
  }
}

// Frees old files, oldest first. What is still live in the oldest is moved on: written again at the end,
// and then the file goes. So one shard that is never trimmed does not keep what all others wrote.
//
// (1) A file goes once no index names it: what was moved is durable elsewhere by then. After a crash the
//     later of two entries stands, or the only one.
// (2) The files that are left have no gap: a missing one is a loss.
// (3) Once it is done, what is dead in all files is not more than what is live and two files: a pass over
//     all files moves what is live once, and only when as much was written anew.
//
// A file of which little is live is freed at once: it costs next to nothing.

import { present } from '@tidemark/std';
import type { GroupCommit } from './group-commit.ts';
import type { Instruments } from './instruments.ts';
import { corrupt, type LogFile } from './log-file.ts';
import { type BatchEntry, decodeEntry, endOfEntry, type NewEntry, regionOf } from './log-format.ts';
import type { LogState } from './log-state.ts';
import type { LogWriter } from './log-writer.ts';
import type { EntryPlace } from './shard-index.ts';

/** Moved in one group: what arrives meanwhile waits that long. */
const movedBytesMax = 1_024 * 1_024;

/** What is live in a file is little below this part of it. */
const littleShare = 1 / 16;

interface CleanerParts {
  readonly state: LogState;
  readonly writer: LogWriter;
  readonly commit: GroupCommit;
  readonly instruments: Instruments;
  readonly fileBytes: number;
}

export class LogCleaner {
  readonly #parts: CleanerParts;

  constructor(parts: CleanerParts) {
    this.#parts = parts;
  }

  /** Frees what can be freed now, or until it is told to stop. */
  async clean(signal: AbortSignal): Promise<void> {
    const { state, writer, fileBytes } = this.#parts;
    const last = writer.files.at(-1);
    while (!signal.aborted) {
      const [oldest] = writer.files;
      if (oldest === undefined || oldest === last) return;
      if (!mustGo(writer.files, fileBytes)) return;
      if (!(await this.#moveOn(oldest, signal))) return;
      state.forget(oldest);
      await writer.dropOldest();
    }
  }

  /** Whether nothing in the file is live any more. */
  async #moveOn(file: LogFile, signal: AbortSignal): Promise<boolean> {
    const { state } = this.#parts;
    const live = file.liveBytes === 0 ? [] : state.liveIn(file.number);
    for (let from = 0; from < live.length; ) {
      if (signal.aborted) return false;
      let end = from;
      let bytes = 0;
      for (; end < live.length; end += 1) {
        bytes += present(live[end], 'entry').bytes;
        if (end > from && bytes > movedBytesMax) break;
      }
      await this.#moveEntries(file, live.slice(from, end));
      from = end;
    }
    return file.liveBytes === 0;
  }

  async #moveEntries(file: LogFile, places: readonly EntryPlace[]): Promise<void> {
    const { state, commit, writer, instruments } = this.#parts;
    const read: {
      readonly place: EntryPlace;
      readonly entry: BatchEntry;
      readonly bytes: Uint8Array;
    }[] = [];
    for (const place of places) {
      const bytes = await file.read(place.position, place.bytes);
      const region = regionOf(bytes);
      if (endOfEntry(region, 0, writer.salt) !== bytes.length) {
        throw corrupt(file.number, place.position, 'an entry does not match its checksum');
      }
      read.push({ place, bytes, entry: decodeEntry(region, 0) as BatchEntry });
    }
    let movedBytes = 0;
    await commit.move(() => {
      const live = read.filter(({ entry, place }) => state.isLive(entry, place));
      movedBytes = live.reduce((sum, { bytes }) => sum + bytes.length, 0);
      return live.map(({ entry, bytes }): NewEntry => ({ ...entry, kind: 'moved', entry: bytes }));
    });
    instruments.moved(movedBytes);
  }
}

/** Whether the oldest file is freed now. */
export function mustGo(
  files: readonly {
    readonly batchBytes: number;
    readonly liveBytes: number;
    readonly bytes: number;
  }[],
  fileBytes: number,
): boolean {
  const [oldest] = files;
  if (oldest === undefined) return false;
  if (oldest.liveBytes <= oldest.bytes * littleShare) return true;
  let live = 0;
  let dead = 0;
  for (const file of files) {
    live += file.liveBytes;
    dead += file.batchBytes - file.liveBytes;
  }
  return dead > live + 2 * fileBytes;
}

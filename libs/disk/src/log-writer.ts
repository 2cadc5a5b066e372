// Puts groups into files, one write at a time, and keeps the last ones in memory.
//
// (1) A file is begun by one write of its header and its checkpoint; groups follow only after it.
// (2) The last `reserveBytes` of a file are for entries that make room, when the disk is full.
// (3) After a write that may be there in part nothing more is written, unless it could be undone.

import { randomInt } from 'node:crypto';
import { Fault, type Folder, isFault, type Logger, type OpenFile } from '@tidemark/ports';
import { assert, concatBytes, present } from '@tidemark/std';
import { LogFile, nameOfFile } from './log-file.ts';
import type { FloorMark } from './log-floor.ts';
import {
  encodeFileHeader,
  encodeGroup,
  entryBytes,
  groupHeadBytes,
  headerBytes,
  type NewEntry,
} from './log-format.ts';
import type { LogState } from './log-state.ts';
import { RecentGroups } from './recent-groups.ts';
import type { Recovered } from './recover.ts';

export interface WrittenGroup {
  readonly file: LogFile;
  readonly position: number;
  readonly bytes: number;
  /** Where each entry ends, from the group's first byte. */
  readonly entryEnds: readonly number[];
}

export interface GroupToWrite {
  readonly entries: readonly NewEntry[];
  readonly sizes: readonly number[];
  readonly reserve: keyof typeof reserveShares;
}

interface SpareFile {
  readonly number: number;
  readonly bytes: number;
  readonly open: OpenFile;
}

const reserveBytesMax = 256 * 1_024;

/** How much of the reserve a group may use: what is moved on to free a file leaves room for trims. */
const reserveShares = { none: 0, half: 0.5, all: 1 } as const;

export class LogWriter {
  readonly files: LogFile[];
  readonly recent: RecentGroups;
  readonly #folder: Folder;
  readonly #state: LogState;
  readonly #logger: Logger;
  readonly #fileBytes: number;
  readonly #reserveBytes: number;
  readonly #salt: number;
  #nextSequence: number;
  #nextFileNumber: number;
  #spare: Promise<SpareFile | undefined> | undefined;

  constructor(options: {
    readonly folder: Folder;
    readonly state: LogState;
    readonly logger: Logger;
    readonly fileBytes: number;
    readonly recentBytes: number;
    readonly recovered: Recovered;
  }) {
    this.recent = new RecentGroups(options.recentBytes);
    this.#folder = options.folder;
    this.#state = options.state;
    this.#logger = options.logger;
    this.#fileBytes = options.fileBytes;
    this.#reserveBytes = Math.min(reserveBytesMax, options.fileBytes >>> 4);
    const { recovered } = options;
    this.files = recovered.files;
    this.#salt = recovered.salt ?? randomInt(1, 2 ** 32);
    this.#nextSequence = recovered.nextSequence;
    this.#nextFileNumber = recovered.nextFileNumber;
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }

  get salt(): number {
    return this.#salt;
  }

  /** Where what is durable ends. */
  get place(): FloorMark {
    const { number: fileNumber, end: position } = present(this.files.at(-1), 'file');
    return { salt: this.#salt, fileNumber, sequence: this.#nextSequence, position };
  }

  /**
   * Durable when it answers. A Fault with effect `none` has left nothing; after any other, nothing
   * may be written any more.
   */
  async write(group: GroupToWrite): Promise<WrittenGroup> {
    let neededBytes = groupHeadBytes;
    for (const size of group.sizes) neededBytes += size;
    const file = this.#fits(neededBytes, group.reserve)
      ? present(this.files.at(-1), 'file')
      : await this.#begin(neededBytes);
    const { entries, sizes } = group;
    const encoded = encodeGroup(entries, {
      sequence: this.#nextSequence,
      salt: this.#salt,
      sizes,
      take: (bytes) => this.recent.take(bytes),
    });
    assert(encoded.bytes.length === neededBytes, 'a group is as large as its entries');
    const position = file.end;
    await this.#writeOrUndo(file, encoded.bytes, position);
    file.end = position + neededBytes;
    this.recent.keep(file.number, position);
    this.#nextSequence += 1;
    if (file.end * 2 > file.bytes) this.#prepareSpare();
    return { file, position, bytes: neededBytes, entryEnds: encoded.entryEnds };
  }

  /** Nothing in the oldest file is live. */
  async dropOldest(): Promise<void> {
    const oldest = present(this.files[0], 'file');
    assert(
      oldest.liveBytes === 0 && this.files.length > 1,
      'only a file without live entries goes',
    );
    // First the name, durably, then the next: a hole between files would be taken for a loss.
    await this.#folder.remove(nameOfFile(oldest.number));
    this.files.shift();
    await oldest.close();
  }

  async close(): Promise<void> {
    const spare = await this.#spare;
    await spare?.open.close();
    await Promise.all(this.files.map((file) => file.close()));
  }

  #fits(neededBytes: number, reserve: GroupToWrite['reserve']): boolean {
    const file = this.files.at(-1);
    if (file === undefined) return false;
    const keptBytes = this.#reserveBytes * (1 - reserveShares[reserve]);
    return file.end + neededBytes <= file.bytes - keptBytes;
  }

  async #begin(neededBytes: number): Promise<LogFile> {
    const checkpoint = this.#state.checkpoint();
    const sequence = this.#nextSequence;
    const salt = this.#salt;
    const sizes = checkpoint.map(entryBytes);
    const group = encodeGroup(checkpoint, { sequence, salt, sizes });
    const beginBytes = headerBytes + group.bytes.length;
    const spare = await this.#takeSpare(beginBytes + neededBytes + this.#reserveBytes);
    const { number, bytes } = spare;
    const file = new LogFile(spare.open, { number, bytes, end: beginBytes });
    const header = encodeFileHeader({ salt, fileNumber: number, firstSequence: sequence });
    try {
      await this.#writeOrUndo(file, concatBytes([header, group.bytes]), 0);
    } catch (cause) {
      // What was undone is zeros again, and its number is the next one still.
      this.#spare = Promise.resolve(spare);
      throw cause;
    }
    this.#nextSequence = sequence + 1;
    this.files.push(file);
    return file;
  }

  /** A write that found no room is taken back, so that its outcome is certain. */
  async #writeOrUndo(file: LogFile, bytes: Uint8Array, position: number): Promise<void> {
    try {
      await file.write(bytes, position);
    } catch (cause) {
      if (!isFault(cause) || cause.reason !== 'full' || cause.effect === 'none') throw cause;
      await file.write(new Uint8Array(bytes.length), position);
      throw new Fault('full', 'no room for the group', { effect: 'none', cause });
    }
  }

  #prepareSpare(): void {
    this.#spare ??= this.#createSpare(this.#fileBytes).catch((cause: unknown) => {
      this.#logger.warn({ cause }, 'could not prepare the next file of the log');
      this.#spare = undefined;
      return undefined;
    });
  }

  async #takeSpare(neededBytes: number): Promise<SpareFile> {
    const spare = await this.#spare;
    this.#spare = undefined;
    if (spare !== undefined && spare.bytes >= neededBytes) return spare;
    if (spare !== undefined) {
      await spare.open.close();
      await this.#folder.remove(nameOfFile(spare.number));
      this.#nextFileNumber = spare.number;
    }
    return this.#createSpare(Math.max(this.#fileBytes, neededBytes));
  }

  async #createSpare(bytes: number): Promise<SpareFile> {
    const number = this.#nextFileNumber;
    const open = await this.#folder.create(nameOfFile(number), bytes);
    this.#nextFileNumber = number + 1;
    return { number, bytes, open };
  }
}

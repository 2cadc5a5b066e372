// Reads the log back at start.
//
// (1) Zeros are the end. What does not check out at the end of the last file is a write that was
//     never answered: it is zeroed, and the log goes on from there.
// (2) What does not check out anywhere else was answered once: the log refuses to start.
// (3) The two are told apart by sequence: a group is only written once all before it are durable.
// (4) A log that ends below its floor was cut. Nothing is changed before that is known.

import type { FileInfo, Folder, Logger } from '@tidemark/ports';
import { corrupt, LogFile, nameOfFile, numberOfFile } from './log-file.ts';
import { checkFloor, type FloorMark } from './log-floor.ts';
import {
  decodeEntry,
  decodeFileHeader,
  decodeGroupHead,
  endOfEntry,
  entryHeadBytes,
  type FileHeader,
  groupHeadBytes,
  groupMagic,
  headerBytes,
  type Region,
  regionOf,
} from './log-format.ts';
import { ContradictoryEntry, type LogState } from './log-state.ts';

export interface Recovered {
  /** In order; the last is written on. None: the log is new. */
  readonly files: LogFile[];
  readonly salt: number | undefined;
  readonly nextSequence: number;
  readonly nextFileNumber: number;
}

interface FoundFile extends FileInfo {
  readonly number: number;
  /** Undefined: the file has not been begun. */
  readonly header: FileHeader | undefined;
}

export async function recover(
  folder: Folder,
  state: LogState,
  known: { readonly logger: Logger; readonly floor: FloorMark | undefined },
): Promise<Recovered> {
  const found = await findFiles(folder);
  const begun = found.filter((file) => file.header !== undefined);
  const salt = begun[0]?.header?.salt;
  const bytesMax = found.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const buffer = new Uint8Array(bytesMax);
  const scan = new Scan(state, begun[0]?.header?.firstSequence ?? 0);
  const files: LogFile[] = [];
  const unbegun: string[] = [];
  let last: Region | undefined;
  for (const [index, file] of found.entries()) {
    const open = await folder.open(file.name);
    const region = regionOf(buffer.subarray(0, await open.read(buffer.subarray(0, file.bytes), 0)));
    const next = found[index + 1]?.header;
    const isBegun = file.header !== undefined && scan.begins(file, region, next === undefined);
    if (!isBegun) {
      if (file.header === undefined) checkNeverBegun(file, region, { salt, scan });
      await open.close();
      unbegun.push(file.name);
      continue;
    }
    const logFile = new LogFile(open, { number: file.number, bytes: file.bytes, end: 0 });
    files.push(logFile);
    logFile.end = scan.fold(logFile, region, next?.firstSequence);
    if (next === undefined) last = region;
  }
  checkFloor(known.floor, { files, salt, sequence: scan.sequence });
  const holes = state.settle();
  if (holes.length > 0) {
    const first = files[0]?.number ?? 0;
    throw corrupt(first, 0, `records before it are missing. shard=${holes[0]}`);
  }
  for (const name of unbegun) await folder.remove(name);
  const tail = files.at(-1);
  if (tail !== undefined && last !== undefined) await cutTail(tail, last, known.logger);
  const nextFileNumber = (files.at(-1)?.number ?? 0) + 1;
  return { files, salt, nextSequence: scan.sequence, nextFileNumber };
}

async function findFiles(folder: Folder): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const infos = [...(await folder.list())].sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const info of infos) {
    const number = numberOfFile(info.name);
    if (number === undefined) continue;
    const open = await folder.open(info.name);
    const bytes = new Uint8Array(headerBytes);
    const count = await open.read(bytes, 0);
    await open.close();
    const header = readHeader(number, bytes.subarray(0, count));
    const before = found.at(-1);
    if (header !== undefined && before !== undefined && before.number + 1 !== number) {
      throw corrupt(number, 0, `the file before it is missing. found=${nameOfFile(before.number)}`);
    }
    if (header !== undefined && before !== undefined && before.header === undefined) {
      throw corrupt(before.number, 0, 'its header is damaged');
    }
    found.push({ ...info, number, header });
  }
  return found;
}

function readHeader(number: number, bytes: Uint8Array): FileHeader | undefined {
  let header: FileHeader | undefined;
  try {
    header = decodeFileHeader(bytes);
  } catch (cause) {
    throw corrupt(number, 0, (cause as Error).message);
  }
  if (header !== undefined && header.fileNumber !== number) {
    throw corrupt(number, 0, `it was written as ${nameOfFile(header.fileNumber)}`);
  }
  return header;
}

/** A file without a header holds at most the torn first write of its own beginning. */
function checkNeverBegun(
  file: FoundFile,
  region: Region,
  known: { readonly salt: number | undefined; readonly scan: Scan },
): void {
  const { salt, scan } = known;
  if (findLaterGroup(region, { from: 0, salt, sequence: scan.sequence }) !== undefined) {
    throw corrupt(file.number, 0, 'its header is damaged');
  }
}

class Scan {
  /** Of the group that comes next. */
  sequence: number;
  readonly #state: LogState;
  #hasBegun = false;

  constructor(state: LogState, firstSequence: number) {
    this.#state = state;
    this.sequence = firstSequence;
  }

  /** Whether the file's first write, header and checkpoint, is whole. */
  begins(file: FoundFile, region: Region, isLast: boolean): boolean {
    const header = file.header as FileHeader;
    if (header.firstSequence !== this.sequence) {
      const why = `groups are missing before it. expected=${this.sequence}`;
      throw corrupt(file.number, 0, `${why} actual=${header.firstSequence}`);
    }
    const isKnown = this.#hasBegun || header.firstSequence === 0;
    this.#hasBegun = true;
    if (endOfGroup(region, headerBytes, { salt: header.salt, sequence: this.sequence }))
      return true;
    const isTorn =
      isLast &&
      findLaterGroup(region, { from: headerBytes, salt: header.salt, sequence: this.sequence }) ===
        undefined;
    // The first file kept says what no other file knows, unless the log began with it.
    if (isTorn && isKnown) return false;
    throw corrupt(file.number, headerBytes, 'its first group is damaged');
  }

  /** Folds the file's groups up to the next file's first and gives where they end. */
  fold(file: LogFile, region: Region, endSequence: number | undefined): number {
    const { salt } = decodeFileHeader(region.bytes) as FileHeader;
    let at = headerBytes;
    for (;;) {
      const end = endOfGroup(region, at, { salt, sequence: this.sequence });
      if (end === undefined) break;
      this.#foldGroup(file, region, at);
      this.sequence += 1;
      at = end;
    }
    if (endSequence !== undefined) {
      if (this.sequence === endSequence) return at;
      throw corrupt(file.number, at, `the group is damaged. sequence=${this.sequence}`);
    }
    const later = findLaterGroup(region, { from: at, salt, sequence: this.sequence });
    if (later === undefined) return at;
    throw corrupt(file.number, at, `the group is damaged, a later one is sound. later=${later}`);
  }

  #foldGroup(file: LogFile, region: Region, groupAt: number): void {
    const entryCount = region.view.getUint32(groupAt + 16, true);
    let at = groupAt + groupHeadBytes;
    for (let index = 0; index < entryCount; index += 1) {
      const bytes = entryHeadBytes + region.view.getUint32(at + 4, true);
      try {
        this.#state.apply({ entry: decodeEntry(region, at), file, position: at, bytes });
      } catch (cause) {
        if (!(cause instanceof ContradictoryEntry || cause instanceof RangeError)) throw cause;
        throw corrupt(file.number, at, cause.message);
      }
      at += bytes;
    }
  }
}

/** Where the group ends, if one with this sequence begins here and all of it checks out. */
function endOfGroup(
  region: Region,
  at: number,
  expected: { readonly salt: number; readonly sequence: number },
): number | undefined {
  const head = decodeGroupHead(region, at, expected.salt);
  if (head === undefined || head.sequence !== expected.sequence) return undefined;
  const end = at + groupHeadBytes + head.bodyBytes;
  let entryAt = at + groupHeadBytes;
  for (let index = 0; index < head.entryCount; index += 1) {
    const entryEnd = endOfEntry(region, entryAt, expected.salt);
    if (entryEnd === undefined || entryEnd > end) return undefined;
    entryAt = entryEnd;
  }
  return entryAt === end ? end : undefined;
}

const magicBytes = Buffer.alloc(4);
magicBytes.writeUInt32LE(groupMagic);

/** Where a group begins that was written after the one with this sequence. */
function findLaterGroup(
  region: Region,
  after: { readonly from: number; readonly salt: number | undefined; readonly sequence: number },
): number | undefined {
  const { bytes } = region;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (
    let at = buffer.indexOf(magicBytes, after.from);
    at >= 0;
    at = buffer.indexOf(magicBytes, at + 1)
  ) {
    // Without a salt nothing can be checked: whatever looks like a later group counts as one.
    const head =
      after.salt === undefined
        ? { sequence: at + 16 <= buffer.length ? Number(buffer.readBigUInt64LE(at + 8)) : 0 }
        : decodeGroupHead(region, at, after.salt);
    if (head !== undefined && head.sequence > after.sequence) return at;
  }
  return undefined;
}

/** Zeroes what a write that was never answered left behind the end. */
async function cutTail(file: LogFile, { bytes }: Region, logger: Logger): Promise<void> {
  let end = bytes.length;
  while (end > file.end && bytes[end - 1] === 0) end -= 1;
  if (end === file.end) return;
  const fields = { file: nameOfFile(file.number), position: file.end, tornBytes: end - file.end };
  logger.warn(fields, 'cut the torn tail of the log');
  await file.write(new Uint8Array(end - file.end), file.end);
}

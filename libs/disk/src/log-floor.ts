// How far the log was durable at least, kept beside it: what tells a log that was cut from one whose
// last write was torn. The file has two slots that are written in turn, so that a torn write of one
// leaves the other.
//
//   floor := slot zero* slot zero*       (4,096 bytes each)
//   slot  := magic:u32 version:u32 turn:u64 salt:u32 file-number:u32 sequence:u64 position:u64 crc:u32
//
// (1) What a slot says was durable before it was written: all groups below `sequence`, which end in
//     that file at that position.
// (2) It is written when a log is opened and closed, and a second after something was written: never on
//     the way of an append. So what lies behind it is at most the last second before a crash.
// (3) A log that ends below it was cut, and is not written to.
//
// Stored. Never renumber.

import { crc32 } from 'node:zlib';
import type { Clock, Folder, Logger, OpenFile, Timer } from '@tidemark/ports';
import { corrupt, type LogFile } from './log-file.ts';

export interface FloorMark {
  readonly salt: number;
  readonly fileNumber: number;
  /** Of the group that comes next. */
  readonly sequence: number;
  readonly position: number;
}

interface Slot extends FloorMark {
  readonly turn: number;
}

export const floorName = 'floor';
const floorMagic = 0x464d4454;
const floorVersion = 1;
const slotBytes = 4_096;
const markBytes = 44;
const floorEveryMs = 1_000;

function encodeSlot({ turn, salt, fileNumber, sequence, position }: Slot): Uint8Array {
  const bytes = Buffer.alloc(markBytes);
  bytes.writeUInt32LE(floorMagic, 0);
  bytes.writeUInt32LE(floorVersion, 4);
  bytes.writeBigUInt64LE(BigInt(turn), 8);
  bytes.writeUInt32LE(salt, 16);
  bytes.writeUInt32LE(fileNumber, 20);
  bytes.writeBigUInt64LE(BigInt(sequence), 24);
  bytes.writeBigUInt64LE(BigInt(position), 32);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 40)), 40);
  return bytes;
}

/** Undefined where there is none, or a torn one. */
function decodeSlot(bytes: Buffer): Slot | undefined {
  const isSlot =
    bytes.length >= markBytes &&
    bytes.readUInt32LE(0) === floorMagic &&
    bytes.readUInt32LE(4) === floorVersion &&
    bytes.readUInt32LE(40) === crc32(bytes.subarray(0, 40));
  if (!isSlot) return undefined;
  return {
    turn: Number(bytes.readBigUInt64LE(8)),
    salt: bytes.readUInt32LE(16),
    fileNumber: bytes.readUInt32LE(20),
    sequence: Number(bytes.readBigUInt64LE(24)),
    position: Number(bytes.readBigUInt64LE(32)),
  };
}

export class LogFloor {
  /** What it says of the log as it was left; undefined where it says nothing yet. */
  readonly found: FloorMark | undefined;
  /** There was no file: whoever took it away takes the log as it is. */
  readonly isNew: boolean;
  readonly #file: OpenFile;
  #turn: number;

  private constructor(file: OpenFile, slot: Slot | undefined, isNew: boolean) {
    this.#file = file;
    this.found = slot;
    this.isNew = isNew;
    this.#turn = slot?.turn ?? 0;
  }

  static async open(folder: Folder): Promise<LogFloor> {
    const isNew = (await folder.list()).every(({ name }) => name !== floorName);
    const file = isNew
      ? await folder.create(floorName, 2 * slotBytes)
      : await folder.open(floorName);
    const bytes = Buffer.alloc(2 * slotBytes);
    const count = await file.read(bytes, 0);
    const slots = [0, slotBytes].map((at) =>
      decodeSlot(bytes.subarray(at, Math.min(count, at + slotBytes))),
    );
    const newest = slots.reduce((one, other) =>
      (other?.turn ?? 0) > (one?.turn ?? 0) ? other : one,
    );
    return new LogFloor(file, newest, isNew);
  }

  async write(mark: FloorMark): Promise<void> {
    this.#turn += 1;
    await this.#file.writeSynced(
      encodeSlot({ ...mark, turn: this.#turn }),
      (this.#turn % 2) * slotBytes,
    );
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Throws the Fault of a log that holds less than it did. */
export function checkFloor(
  floor: FloorMark | undefined,
  found: {
    readonly files: readonly LogFile[];
    readonly salt: number | undefined;
    readonly sequence: number;
  },
): void {
  if (floor === undefined) return;
  const { files, salt, sequence } = found;
  const { fileNumber, position } = floor;
  const last = files.at(-1);
  const advice = 'restore it, or remove the file floor to go on with what is left';
  if (last === undefined) {
    throw corrupt(fileNumber, position, `the log is gone that ended here: ${advice}`);
  }
  if (salt !== floor.salt) {
    throw corrupt(last.number, 0, `this is another log than the one that was here: ${advice}`);
  }
  if (sequence >= floor.sequence) return;
  const was = `expected=${floor.sequence} actual=${sequence} endedIn=${fileNumber} at=${position}`;
  throw corrupt(
    last.number,
    last.end,
    `the log was cut here, groups are missing. ${was}: ${advice}`,
  );
}

/** Raises the floor behind what is written, off its way. */
export class FloorKeeper {
  readonly #parts: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly floor: LogFloor;
    readonly place: () => FloorMark;
  };
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly floor: LogFloor;
    /** Where the log is durable to, now. */
    readonly place: () => FloorMark;
  }) {
    this.#parts = parts;
  }

  /** Something more is durable. */
  later(): void {
    this.#timer ??= this.#parts.clock.schedule(floorEveryMs, () => {
      this.#timer = undefined;
      void this.now();
    });
  }

  /** A floor that cannot be raised stays where it is: it vouches for less, and for nothing wrong. */
  now(): Promise<void> {
    const { floor, logger, place } = this.#parts;
    this.#writing = this.#writing
      .then(() => floor.write(place()))
      .catch((cause: unknown) => logger.warn({ cause }, 'the floor of the log stays behind'));
    return this.#writing;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#writing;
    await this.#parts.floor.close();
  }
}

// A segment: the events that lie in a range of a shard's log, as a file that other tools read as it is:
//
//   segment := frame* footer
//   frame   := zstd(line*), with its checksum           about 64 KiB of whole lines, of one session alone 256;
//                                                       sessions by key, events by seq
//   line    := {"tenant","session","seq","offset","id","time","type","level","turn","event"} LF
//            | {… ,"event":null,"bytes":base64} LF        of a stream that is not JSON
//            | {… ,"breaks":[place…],"event":…} LF        an event that has line feeds: each is a space in the line
//   footer  := 0x184D2A5D:u32 length:u32 zstd(directory) trailer            a skippable frame of zstd
//   trailer := directory-bytes:u32 crc32(directory as stored):u32 version:u32 "TMSG"
//
//   directory := {shard, logEpoch, firstOffset, endOffset, frames: [[bytes, lines]…], sessions: [session…]}
//   session   := [key, tag, first seq, events, frame, line in the frame]       in the order of the lines
//
// A session's tag is its incarnation's: what was archived of a session that is over is no other's of its name.
//
// Numbers are little endian. `event` is the last member but `bytes`, and stands to the byte as it was appended.
// Stored. Never change what version 1 means.

import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { Problem } from '@tidemark/protocol';
import { bytesOf, concatBytes, ownBytes, strictTextOf } from '@tidemark/std';

const skippableMagic = 0x184d2a5d;
const version = 1;
const magic = 'TMSG';
export const trailerBytes = 16;
const headBytes = 8;

export interface SegmentFrame {
  readonly firstByte: number;
  readonly endByte: number;
  readonly lines: number;
}

export interface SegmentSession {
  readonly key: string;
  readonly tag: string;
  readonly firstSeq: number;
  readonly count: number;
  readonly frame: number;
  /** Lines of others before it in that frame. */
  readonly line: number;
}

export interface SegmentDirectory {
  readonly shard: string;
  readonly logEpoch: string;
  readonly firstOffset: bigint;
  readonly endOffset: bigint;
  readonly frames: readonly SegmentFrame[];
  readonly sessions: readonly SegmentSession[];
}

const checked = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

export const encodeFrame = (lines: Uint8Array): Uint8Array =>
  ownBytes(zstdCompressSync(lines, checked));

const corrupt = (message: string, cause?: unknown): Problem =>
  new Problem('corrupt', message, cause === undefined ? {} : { cause });

/** Of a frame that does not say what it holds, or says too much. */
const pieceBytes = 80 * 1_024;
const sizeMax = 64 * 1_024 * 1_024;
const smallestPiece = 64;

/** Sizes of what a zstd frame says of its content, by the top bits of its descriptor. */
const sizeFieldBytes = [0, 2, 4, 8] as const;
const dictionaryBytes = [0, 1, 2, 4] as const;

/** How long a frame's content is, as it says itself. */
function contentBytes(stored: Buffer): number | undefined {
  const descriptor = stored[4] ?? 0;
  const isSingle = (descriptor & 0x20) !== 0;
  const flag = descriptor >> 6;
  const width = flag === 0 && isSingle ? 1 : (sizeFieldBytes[flag] ?? 0);
  const at = 5 + (isSingle ? 0 : 1) + (dictionaryBytes[descriptor & 3] ?? 0);
  if (width === 0 || width === 8 || at + width > stored.length) return undefined;
  return stored.readUIntLE(at, width) + (width === 2 ? 256 : 0);
}

/** In one piece, with room for a byte more: what fills its room is asked whether there is more. */
function decodeFrame(bytes: Uint8Array): Buffer {
  const stored = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const told = contentBytes(stored) ?? sizeMax;
  const chunkSize = told < sizeMax ? Math.max(smallestPiece, told + 1) : pieceBytes;
  try {
    return zstdDecompressSync(stored, { chunkSize });
  } catch (cause) {
    throw corrupt('a frame of a segment does not decode', cause);
  }
}

/** The lines of a frame, one behind the other. */
export const frameBytesOf = (stored: Uint8Array): Buffer => decodeFrame(stored);

const lineFeed = 0x0a;

/** The lines of a frame, without their line feeds. */
export function linesOf(stored: Uint8Array, expected: number): readonly Buffer[] {
  const bytes = decodeFrame(stored);
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  if (lines.length !== expected || start !== bytes.length) {
    throw corrupt('a frame has not the lines that it had');
  }
  return lines;
}

export function encodeFooter(directory: SegmentDirectory): Uint8Array {
  const { shard, logEpoch, firstOffset, endOffset, frames, sessions } = directory;
  const stored = zstdCompressSync(
    bytesOf(
      JSON.stringify({
        shard,
        logEpoch,
        firstOffset: firstOffset.toString(),
        endOffset: endOffset.toString(),
        frames: frames.map(({ firstByte, endByte, lines }) => [endByte - firstByte, lines]),
        sessions: sessions.map(({ key, tag, firstSeq, count, frame, line }) => [
          key,
          tag,
          firstSeq,
          count,
          frame,
          line,
        ]),
      }),
    ),
  );
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(skippableMagic, 0);
  head.writeUInt32LE(stored.length + trailerBytes, 4);
  const trailer = Buffer.alloc(trailerBytes);
  trailer.writeUInt32LE(stored.length, 0);
  trailer.writeUInt32LE(crc32(stored), 4);
  trailer.writeUInt32LE(version, 8);
  trailer.write(magic, 12, 'latin1');
  return concatBytes([head, stored, trailer]);
}

interface EncodedDirectory {
  readonly shard: string;
  readonly logEpoch: string;
  readonly firstOffset: string;
  readonly endOffset: string;
  readonly frames: readonly (readonly [bytes: number, lines: number])[];
  readonly sessions: readonly (readonly [string, string, number, number, number, number])[];
}

/** Of the whole footer, or of the end of a segment that has it all. */
export function decodeFooter(bytes: Uint8Array): SegmentDirectory {
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = end.length - trailerBytes;
  if (at < headBytes || end.toString('latin1', at + 12) !== magic) {
    throw corrupt('a segment has no footer');
  }
  if (end.readUInt32LE(at + 8) !== version) throw corrupt('a segment is of another version');
  const stored = end.subarray(Math.max(0, at - end.readUInt32LE(at)), at);
  if (crc32(stored) !== end.readUInt32LE(at + 4)) throw corrupt('a footer fails its checksum');
  const text = strictTextOf(decodeFrame(stored));
  if (text === undefined) throw corrupt('a footer is not text');
  const { shard, logEpoch, firstOffset, endOffset, frames, sessions } = JSON.parse(
    text,
  ) as EncodedDirectory;
  let firstByte = 0;
  return {
    shard,
    logEpoch,
    firstOffset: BigInt(firstOffset),
    endOffset: BigInt(endOffset),
    frames: frames.map(([length, lines]) => {
      const frame = { firstByte, endByte: firstByte + length, lines };
      firstByte += length;
      return frame;
    }),
    sessions: sessions.map(([key, tag, firstSeq, count, frame, line]) => ({
      key,
      tag,
      firstSeq,
      count,
      frame,
      line,
    })),
  };
}

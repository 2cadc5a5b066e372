// The embedded log's files. All numbers are little endian.
//
//   file    := header group* zero*
//   header  := magic:u32 version:u32 salt:u32 file-number:u32 first-sequence:u64 crc:u32 zero:u32
//   group   := magic:u32 body-bytes:u32 sequence:u64 entry-count:u32 crc:u32 entry{entry-count}
//   entry   := crc:u32 body-bytes:u32 body
//   body    := 1 topic:u32 partition:u32 base-offset:u64 record-count:u32 record{record-count}
//            | 2 topic:u32 partition-count:u32 name                (made, or grown)
//            | 3 topic:u32 partition:u32 start:u64                 (trimmed)
//            | 4 topic:u32 partition:u32 start:u64 end:u64         (a shard as its file began)
//            | 5 topic:u32 partition:u32 base-offset:u64 record-count:u32 record{record-count}
//                                                                  (a batch, moved on from an older file)
//   record  := key-bytes:u32 value-bytes:u32 headers-bytes:u32 time-ms:f64 key value headers
//
// (1) One group is one write. Nothing is written before the group ahead of it is durable: at most
//     the last group of a log can be torn.
// (2) Sequences are dense over all files. A group without entries only marks that what lies before
//     it was durable.
// (3) Every checksum starts from the file's salt: bytes that a client sent are never taken for ours.
// (4) A file begins with a group that names all topics and all shards that ever had a record.
// (5) Of the entries with a batch's base offset the last one says where it lies: those before it may go.
//
// Stored. Never renumber.

import { crc32 } from 'node:zlib';
import type { LogRecord, StoredRecord } from '@tidemark/ports';

const fileMagic = 0x4c4d4454;
export const groupMagic = 0x474d4454;
const formatVersion = 1;
export const headerBytes = 32;
export const groupHeadBytes = 24;
export const entryHeadBytes = 8;
const recordHeadBytes = 20;
const batchHeadBytes = 21;

const kinds = { batch: 1, topic: 2, start: 3, shard: 4, moved: 5 } as const;

export interface FileHeader {
  readonly salt: number;
  readonly fileNumber: number;
  readonly firstSequence: number;
}

export interface GroupHead {
  readonly bodyBytes: number;
  readonly sequence: number;
  readonly entryCount: number;
}

/** What an entry says; a batch's records stay in their bytes. */
export type Entry =
  | {
      readonly kind: 'batch' | 'moved';
      readonly topic: number;
      readonly partition: number;
      readonly baseOffset: number;
      readonly recordCount: number;
    }
  | {
      readonly kind: 'topic';
      readonly topic: number;
      readonly partitions: number;
      readonly name: string;
    }
  | {
      readonly kind: 'start';
      readonly topic: number;
      readonly partition: number;
      readonly start: number;
    }
  | {
      readonly kind: 'shard';
      readonly topic: number;
      readonly partition: number;
      readonly start: number;
      readonly end: number;
    };

/** What is to be written: an entry, and a batch's records with it. */
export type NewEntry =
  | (BatchEntry & { readonly kind: 'batch'; readonly records: readonly LogRecord[] })
  /** The entry as it lies in the older file. */
  | (BatchEntry & { readonly kind: 'moved'; readonly entry: Uint8Array })
  | Exclude<Entry, BatchEntry>;

export type BatchEntry = Extract<Entry, { kind: 'batch' | 'moved' }>;

/** Bytes with their view: made once for a file, not once for each of its entries. */
export interface Region {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export const regionOf = (bytes: Uint8Array): Region => ({ bytes, view: viewOf(bytes) });

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

const getU64 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;

export function encodeFileHeader(header: FileHeader): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  const view = viewOf(bytes);
  view.setUint32(0, fileMagic, true);
  view.setUint32(4, formatVersion, true);
  view.setUint32(8, header.salt, true);
  view.setUint32(12, header.fileNumber, true);
  setU64(view, 16, header.firstSequence);
  view.setUint32(24, crc32(bytes.subarray(0, 24), header.salt), true);
  return bytes;
}

/** Undefined where the bytes are no header; a header of another version throws. */
export function decodeFileHeader(bytes: Uint8Array): FileHeader | undefined {
  if (bytes.length < headerBytes) return undefined;
  const view = viewOf(bytes);
  const salt = view.getUint32(8, true);
  if (view.getUint32(0, true) !== fileMagic) return undefined;
  if (view.getUint32(24, true) !== crc32(bytes.subarray(0, 24), salt)) return undefined;
  const version = view.getUint32(4, true);
  if (version !== formatVersion) {
    throw new RangeError(`unknown format. version=${version} known=${formatVersion}`);
  }
  return { salt, fileNumber: view.getUint32(12, true), firstSequence: getU64(view, 16) };
}

/** Bytes of the entry's records as they are stored. */
export function recordsBytes(records: readonly LogRecord[]): number {
  let bytes = 0;
  for (const { key, value, headers } of records) {
    bytes += recordHeadBytes + key.length + value.length + headers.length;
  }
  return bytes;
}

export const batchEntryBytes = (storedRecordsBytes: number): number =>
  entryHeadBytes + batchHeadBytes + storedRecordsBytes;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function entryBytes(entry: NewEntry): number {
  switch (entry.kind) {
    case 'batch':
      return batchEntryBytes(recordsBytes(entry.records));
    case 'moved':
      return entry.entry.length;
    case 'topic':
      return entryHeadBytes + 9 + encoder.encode(entry.name).length;
    case 'start':
      return entryHeadBytes + 17;
    case 'shard':
      return entryHeadBytes + 25;
  }
}

export interface EncodedGroup {
  readonly bytes: Uint8Array;
  /** Where each entry begins, from the group's first byte, and where the last one ends. */
  readonly entryEnds: readonly number[];
}

export interface GroupOptions {
  readonly sequence: number;
  readonly salt: number;
  /** Of the entries, as `entryBytes` gives them. */
  readonly sizes?: readonly number[];
  /** Where the group is to lie. */
  readonly take?: (bytes: number) => Uint8Array;
}

/** One write. */
export function encodeGroup(entries: readonly NewEntry[], options: GroupOptions): EncodedGroup {
  const sizes = options.sizes ?? entries.map(entryBytes);
  let totalBytes = groupHeadBytes;
  for (const size of sizes) totalBytes += size;
  const bytes = options.take?.(totalBytes) ?? new Uint8Array(totalBytes);
  const view = viewOf(bytes);
  view.setUint32(0, groupMagic, true);
  view.setUint32(4, totalBytes - groupHeadBytes, true);
  setU64(view, 8, options.sequence);
  view.setUint32(16, entries.length, true);
  view.setUint32(20, crc32(bytes.subarray(0, 20), options.salt), true);
  const entryEnds: number[] = [];
  let at = groupHeadBytes;
  for (let index = 0; index < entries.length; index += 1) {
    const end = at + (sizes[index] as number);
    view.setUint32(at + 4, end - at - entryHeadBytes, true);
    encodeBody(entries[index] as NewEntry, { bytes, view, at: at + entryHeadBytes });
    view.setUint32(at, crc32(bytes.subarray(at + 4, end), options.salt), true);
    at = end;
    entryEnds.push(end);
  }
  return { bytes, entryEnds };
}

interface Target {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
}

function encodeBody(entry: NewEntry, { bytes, view, at }: Target): void {
  if (entry.kind === 'moved') bytes.set(entry.entry.subarray(entryHeadBytes), at);
  bytes[at] = kinds[entry.kind];
  if (entry.kind === 'moved') return;
  view.setUint32(at + 1, entry.topic, true);
  if (entry.kind === 'topic') {
    view.setUint32(at + 5, entry.partitions, true);
    encoder.encodeInto(entry.name, bytes.subarray(at + 9));
    return;
  }
  view.setUint32(at + 5, entry.partition, true);
  if (entry.kind === 'batch') {
    setU64(view, at + 9, entry.baseOffset);
    view.setUint32(at + 17, entry.recordCount, true);
    encodeRecords(entry.records, { bytes, view, at: at + batchHeadBytes });
    return;
  }
  setU64(view, at + 9, entry.start);
  if (entry.kind === 'shard') setU64(view, at + 17, entry.end);
}

function encodeRecords(records: readonly LogRecord[], { bytes, view, at }: Target): void {
  let place = at;
  for (let index = 0; index < records.length; index += 1) {
    const { key, value, headers, timeMs } = records[index] as LogRecord;
    view.setUint32(place, key.length, true);
    view.setUint32(place + 4, value.length, true);
    view.setUint32(place + 8, headers.length, true);
    view.setFloat64(place + 12, timeMs, true);
    place += recordHeadBytes;
    bytes.set(key, place);
    place += key.length;
    bytes.set(value, place);
    place += value.length;
    bytes.set(headers, place);
    place += headers.length;
  }
}

/** Undefined where no sound group begins. Its entries are still to be checked. */
export function decodeGroupHead(
  { bytes, view }: Region,
  at: number,
  salt: number,
): GroupHead | undefined {
  if (at + groupHeadBytes > bytes.length) return undefined;
  if (view.getUint32(at, true) !== groupMagic) return undefined;
  if (view.getUint32(at + 20, true) !== crc32(bytes.subarray(at, at + 20), salt)) return undefined;
  const bodyBytes = view.getUint32(at + 4, true);
  return { bodyBytes, sequence: getU64(view, at + 8), entryCount: view.getUint32(at + 16, true) };
}

/** Where the entry ends, or undefined where its bytes are not what was written. */
export function endOfEntry({ bytes, view }: Region, at: number, salt: number): number | undefined {
  if (at + entryHeadBytes > bytes.length) return undefined;
  const end = at + entryHeadBytes + view.getUint32(at + 4, true);
  if (end > bytes.length || end <= at + entryHeadBytes) return undefined;
  return view.getUint32(at, true) === crc32(bytes.subarray(at + 4, end), salt) ? end : undefined;
}

/** What a sound entry says. Throws a RangeError on a kind that it does not know. */
export function decodeEntry({ bytes, view }: Region, at: number): Entry {
  const body = at + entryHeadBytes;
  const topic = view.getUint32(body + 1, true);
  const second = view.getUint32(body + 5, true);
  const kind: number = bytes[body] ?? 0;
  switch (kind) {
    case kinds.batch:
    case kinds.moved: {
      const recordCount = view.getUint32(body + 17, true);
      const baseOffset = getU64(view, body + 9);
      const isMoved = kind === kinds.moved;
      const place = { topic, partition: second, baseOffset, recordCount };
      return { kind: isMoved ? 'moved' : 'batch', ...place };
    }
    case kinds.topic: {
      const end = body + view.getUint32(at + 4, true);
      const name = decoder.decode(bytes.subarray(body + 9, end));
      return { kind: 'topic', topic, partitions: second, name };
    }
    case kinds.start:
      return { kind: 'start', topic, partition: second, start: getU64(view, body + 9) };
    case kinds.shard: {
      const [start, end] = [getU64(view, body + 9), getU64(view, body + 17)];
      return { kind: 'shard', topic, partition: second, start, end };
    }
    default:
      throw new RangeError(`unknown entry. kind=${kind}`);
  }
}

/** Adds the records of a sound entry of a batch from an offset on, as views of its bytes. */
export function decodeRecords(
  { bytes, view }: Region,
  at: number,
  target: { readonly from: number; readonly records: StoredRecord[] },
): void {
  const { from, records } = target;
  const body = at + entryHeadBytes;
  const baseOffset = getU64(view, body + 9);
  const recordCount = view.getUint32(body + 17, true);
  let place = body + batchHeadBytes;
  for (let index = 0; index < recordCount; index += 1) {
    const key = place + recordHeadBytes;
    const value = key + view.getUint32(place, true);
    const headers = value + view.getUint32(place + 4, true);
    const end = headers + view.getUint32(place + 8, true);
    if (baseOffset + index >= from) {
      records.push({
        key: bytes.subarray(key, value),
        value: bytes.subarray(value, headers),
        headers: bytes.subarray(headers, end),
        timeMs: view.getFloat64(place + 12, true),
        offset: BigInt(baseOffset + index),
      });
    }
    place = end;
  }
}

// Reads what a fetch answers: batches one after the other, the last one possibly cut short.

import { gunzipSync } from 'node:zlib';
import { Fault, type StoredRecord } from '@tidemark/ports';
import { emptyBytes, VarintReader } from '@tidemark/std';
import { crc32c } from './crc32c.ts';
import {
  attributesAt,
  baseTimeAt,
  batchHeaderBytes,
  crcAt,
  lastOffsetDeltaAt,
  lengthEndsAt,
  magic,
  magicAt,
  maxTimeAt,
  recordCountAt,
} from './record-batch.ts';

const compressionMask = 0x07;
const appendTimeFlag = 0x08;
const controlFlag = 0x20;
const gzip = 1;

export interface DecodedRecords {
  readonly records: readonly StoredRecord[];
  /** Past every whole batch; `from` where there was none. */
  readonly nextOffset: bigint;
  /** What a batch that came cut short takes in whole, where that is known. */
  readonly neededBytes: number | undefined;
}

/** Throws a `corrupt` Fault. Records are views into the buffer. */
export function decodeRecords(buffer: Buffer, from: bigint): DecodedRecords {
  const records: StoredRecord[] = [];
  let nextOffset = from;
  let at = 0;
  let neededBytes: number | undefined;
  while (at + lengthEndsAt <= buffer.length) {
    const totalBytes = lengthEndsAt + buffer.readInt32BE(at + 8);
    if (totalBytes < batchHeaderBytes) throw corrupt('batch length out of range', from);
    if (at + totalBytes > buffer.length) {
      neededBytes = totalBytes;
      break;
    }
    const batch = buffer.subarray(at, at + totalBytes);
    const endOffset = batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(lastOffsetDeltaAt)) + 1n;
    decodeBatch(batch, from, records);
    if (endOffset > nextOffset) nextOffset = endOffset;
    at += totalBytes;
  }
  return { records, nextOffset, neededBytes };
}

const corrupt = (what: string, offset: bigint, cause?: unknown): Fault =>
  new Fault('corrupt', `${what}. offset=${offset}`, { effect: 'none', cause });

function decodeBatch(batch: Buffer, from: bigint, records: StoredRecord[]): void {
  const baseOffset = batch.readBigInt64BE(0);
  if (batch[magicAt] !== magic) throw corrupt('record format is not 2', baseOffset);
  if (crc32c(batch, attributesAt) !== batch.readUInt32BE(crcAt)) {
    throw corrupt('batch checksum does not match', baseOffset);
  }
  const attributes = batch.readInt16BE(attributesAt);
  // Markers of transactions are the broker's own.
  if (attributes & controlFlag) return;
  try {
    const body = bodyOf(batch, attributes, baseOffset);
    const reader = new RecordReader(body, {
      baseOffset,
      baseTimeMs: Number(batch.readBigInt64BE(baseTimeAt)),
      appendTimeMs:
        attributes & appendTimeFlag ? Number(batch.readBigInt64BE(maxTimeAt)) : undefined,
    });
    const count = batch.readInt32BE(recordCountAt);
    for (let index = 0; index < count; index += 1) {
      const record = reader.next();
      // A fetch answers whole batches, also where it began inside one.
      if (record.offset >= from) records.push(record);
    }
  } catch (cause) {
    if (cause instanceof RangeError) throw corrupt('record is malformed', baseOffset, cause);
    throw cause;
  }
}

function bodyOf(batch: Buffer, attributes: number, baseOffset: bigint): Uint8Array {
  const body = batch.subarray(batchHeaderBytes);
  const compression = attributes & compressionMask;
  if (compression === 0) return body;
  if (compression !== gzip) {
    throw corrupt(`compression is neither none nor gzip. compression=${compression}`, baseOffset);
  }
  try {
    return gunzipSync(body);
  } catch (cause) {
    throw corrupt('batch does not inflate', baseOffset, cause);
  }
}

interface BatchFrame {
  readonly baseOffset: bigint;
  readonly baseTimeMs: number;
  /** Where the broker has set the time, it holds for the whole batch. */
  readonly appendTimeMs: number | undefined;
}

class RecordReader {
  readonly #reader: VarintReader;
  readonly #batch: BatchFrame;

  constructor(body: Uint8Array, batch: BatchFrame) {
    this.#reader = new VarintReader(body);
    this.#batch = batch;
  }

  next(): StoredRecord {
    const reader = this.#reader;
    const lengthBytes = reader.next();
    const end = reader.at + lengthBytes;
    if (end > reader.bytes.length) throw new RangeError('record is cut short');
    reader.at += 1;
    const timeDelta = nextVarlong(reader);
    const offsetDelta = reader.next();
    const key = nextSized(reader);
    const value = nextSized(reader);
    if (reader.at > end) throw new RangeError('record is longer than it says');
    const headers = reader.take(end - reader.at);
    const { baseOffset, baseTimeMs, appendTimeMs } = this.#batch;
    return {
      key,
      value,
      headers,
      timeMs: appendTimeMs ?? baseTimeMs + timeDelta,
      offset: baseOffset + BigInt(offsetDelta),
    };
  }
}

function nextSized(reader: VarintReader): Uint8Array {
  const lengthBytes = reader.next();
  return lengthBytes <= 0 ? emptyBytes : reader.take(lengthBytes);
}

function nextVarlong(reader: VarintReader): number {
  let value = 0;
  let scale = 1;
  for (let count = 0; ; count += 1) {
    const byte = reader.bytes[reader.at];
    if (byte === undefined || count > 9) throw new RangeError('truncated varlong');
    reader.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 0x80;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { encodeHeaders, isFault, type LogRecord, noHeaders } from '@tidemark/ports';
import { bytesOf, emptyBytes, present } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';
import {
  attributesAt,
  batchHeaderBytes,
  crcAt,
  lengthEndsAt,
  planBatch,
  writeBatch,
} from './record-batch.ts';
import { decodeRecords } from './record-batch-decode.ts';

interface KafkajsRecord {
  readonly offset: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, Buffer | undefined>>;
}

const recordOf = (text: string, part: Partial<LogRecord> = {}): LogRecord => ({
  key: bytesOf('key'),
  value: bytesOf(text),
  headers: noHeaders,
  timeMs: 1_700_000_000_000,
  ...part,
});

function encode(records: readonly LogRecord[], baseOffset = 0n): Buffer {
  const plan = planBatch(records);
  const buffer = Buffer.alloc(plan.totalBytes);
  writeBatch(buffer, 0, plan);
  buffer.writeBigInt64BE(baseOffset, 0);
  return buffer;
}

/** The same batch with other attributes, and a body to go with them. */
function withAttributes(batch: Buffer, attributes: number, body?: Uint8Array): Buffer {
  const changed = Buffer.concat([
    batch.subarray(0, batchHeaderBytes),
    body ?? batch.subarray(batchHeaderBytes),
  ]);
  changed.writeInt16BE(attributes, attributesAt);
  changed.writeInt32BE(changed.length - lengthEndsAt, 8);
  changed.writeUInt32BE(crc32c(changed, attributesAt), crcAt);
  return changed;
}

const faultOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (cause) {
    return isFault(cause) ? `${cause.reason}: ${cause.message}` : String(cause);
  }
};

describe('a record batch', () => {
  const records = fc.array(
    fc.record({
      key: fc.uint8Array({ maxLength: 200 }),
      value: fc.uint8Array({ maxLength: 300 }),
      headers: fc
        .array(
          fc.tuple(
            fc.string({ unit: 'binary-ascii', maxLength: 9 }),
            fc.string({ unit: 'binary-ascii' }),
          ),
        )
        .map(encodeHeaders),
      timeMs: fc.nat(4_000_000_000_000),
    }),
    { minLength: 1, maxLength: 20 },
  );

  test('comes back as it was written', () => {
    fc.assert(
      fc.property(records, fc.bigInt(0n, 2n ** 60n), (written, base) => {
        const decoded = decodeRecords(encode(written, base), base);
        expect(decoded.nextOffset).toBe(base + BigInt(written.length));
        expect(decoded.records.length).toBe(written.length);
        for (const [index, record] of decoded.records.entries()) {
          const expected = present(written[index], 'record');
          expect(record.offset).toBe(base + BigInt(index));
          expect(record.timeMs).toBe(expected.timeMs);
          expect(Buffer.compare(record.key, expected.key)).toBe(0);
          expect(Buffer.compare(record.value, expected.value)).toBe(0);
          expect(Buffer.compare(record.headers, expected.headers)).toBe(0);
        }
      }),
    );
  });

  test('is read by kafkajs', async () => {
    const headers = encodeHeaders([['kind', 'event']]);
    const batch = encode([recordOf('one', { headers }), recordOf('two', { timeMs: 5 })], 40n);
    const require = createRequire(import.meta.url);
    const Decoder = require('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => object;
    const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (
      decoder: object,
    ) => Promise<{ readonly records: readonly KafkajsRecord[] }>;
    const read = await decodeBatch(new Decoder(batch));
    expect(
      read.records.map(({ offset, value, headers: named }) => [
        offset,
        String(value),
        String(named['kind']),
      ]),
    ).toEqual([
      ['40', 'one', 'event'],
      ['41', 'two', 'undefined'],
    ]);
  });

  test('is given from the offset that was asked for', () => {
    const batch = encode([recordOf('a'), recordOf('b'), recordOf('c')], 10n);
    const { records: read, nextOffset } = decodeRecords(batch, 12n);
    expect(read.map((record) => record.offset)).toEqual([12n]);
    expect(nextOffset).toBe(13n);
  });

  test('that is cut short is left for the next fetch, which is told its size', () => {
    const whole = encode([recordOf('a')], 0n);
    const cut = encode([recordOf('b'), recordOf('c')], 1n);
    for (const bytes of [lengthEndsAt, cut.length - 1]) {
      const decoded = decodeRecords(Buffer.concat([whole, cut.subarray(0, bytes)]), 0n);
      expect(decoded.nextOffset).toBe(1n);
      expect(decoded.neededBytes).toBe(cut.length);
    }
    expect(decodeRecords(cut.subarray(0, 5), 1n).neededBytes).toBeUndefined();
  });

  test('of a transaction marker is passed over', () => {
    const marker = withAttributes(encode([recordOf('marker')], 5n), 0x20);
    const decoded = decodeRecords(Buffer.concat([marker, encode([recordOf('a')], 6n)]), 5n);
    expect(decoded.records.map((record) => record.offset)).toEqual([6n]);
    expect(decodeRecords(marker, 5n)).toMatchObject({ records: [], nextOffset: 6n });
  });

  test('of another producer may be gzipped, and nothing else', () => {
    const plain = encode([recordOf('a'), recordOf('b')], 5n);
    const zipped = withAttributes(plain, 1, gzipSync(plain.subarray(batchHeaderBytes)));
    expect(
      decodeRecords(zipped, 5n).records.map(({ value }) => String(Buffer.from(value))),
    ).toEqual(['a', 'b']);
    const snappy = withAttributes(plain, 2);
    expect(faultOf(() => decodeRecords(snappy, 5n))).toContain('corrupt: compression is neither');
    const broken = withAttributes(plain, 1, Uint8Array.of(1, 2, 3));
    expect(faultOf(() => decodeRecords(broken, 5n))).toContain('corrupt: batch does not inflate');
  });

  test('without key and value reads as empty', () => {
    const batch = encode([recordOf('', { key: emptyBytes })], 0n);
    // length attributes time offset, then key and value of length -1
    const body = Uint8Array.of(12, 0, 0, 0, 1, 1, 0);
    const foreign = withAttributes(batch, 0, body);
    const [record] = decodeRecords(foreign, 0n).records;
    expect([record?.key.length, record?.value.length]).toEqual([0, 0]);
  });

  test('with any bit flipped is corrupt', () => {
    const batch = encode([recordOf('a', { headers: encodeHeaders([['k', 'v']]) })], 0n);
    for (let at = crcAt; at < batch.length; at += 1) {
      const flipped = Buffer.from(batch);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      expect(faultOf(() => decodeRecords(flipped, 0n))).toContain('corrupt: batch checksum');
    }
  });

  test('with a true checksum over nonsense is corrupt all the same', () => {
    const batch = encode([recordOf('a')], 0n);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (body) => {
        const nonsense = withAttributes(batch, 0, body);
        const fault = faultOf(() => decodeRecords(nonsense, 0n));
        expect(fault === 'none' || fault.startsWith('corrupt')).toBe(true);
      }),
    );
  });
});

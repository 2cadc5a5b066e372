import type { LogRecord, StoredRecord } from '@tidemark/ports';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEntry,
  decodeFileHeader,
  decodeGroupHead,
  decodeRecords,
  encodeFileHeader,
  encodeGroup,
  endOfEntry,
  entryBytes,
  groupHeadBytes,
  type NewEntry,
  regionOf,
} from './log-format.ts';

const u32 = fc.nat({ max: 0xffffffff });
const offset = fc.nat({ max: 2 ** 45 });
const bytes = fc.uint8Array({ maxLength: 40 });
const record: fc.Arbitrary<LogRecord> = fc.record({
  key: bytes,
  value: bytes,
  headers: bytes,
  timeMs: fc.nat({ max: 2 ** 45 }),
});
/** As it is moved on: with the bytes that it had in another file. */
function movedOf(batch: {
  readonly topic: number;
  readonly partition: number;
  readonly baseOffset: number;
  readonly records: readonly LogRecord[];
}) {
  const { records, ...place } = { ...batch, recordCount: batch.records.length };
  const was = encodeGroup([{ kind: 'batch', ...place, records }], { sequence: 1, salt: 99 });
  return { kind: 'moved' as const, ...place, entry: was.bytes.subarray(groupHeadBytes), records };
}

const entry: fc.Arbitrary<NewEntry & { readonly records?: readonly LogRecord[] }> = fc.oneof(
  fc
    .record({
      kind: fc.constant('batch' as const),
      topic: u32,
      partition: u32,
      baseOffset: offset,
      records: fc.array(record, { minLength: 1, maxLength: 5 }),
    })
    .map((batch) => ({ ...batch, recordCount: batch.records.length })),
  fc.record({
    kind: fc.constant('topic' as const),
    topic: u32,
    partitions: u32,
    name: fc.string({ unit: 'binary', maxLength: 20 }),
  }),
  fc
    .record({
      topic: u32,
      partition: u32,
      baseOffset: offset,
      records: fc.array(record, { minLength: 1 }),
    })
    .map(movedOf),
  fc.record({ kind: fc.constant('start' as const), topic: u32, partition: u32, start: offset }),
  fc.record({
    kind: fc.constant('shard' as const),
    topic: u32,
    partition: u32,
    start: offset,
    end: offset,
  }),
);

const salt = 0x12345678;

describe('the log format', () => {
  test('a group comes back as it was written', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), offset, (entries, sequence) => {
        const group = encodeGroup(entries, { sequence, salt });
        const region = regionOf(group.bytes);
        const bodyBytes = group.bytes.length - groupHeadBytes;
        const head = { bodyBytes, sequence, entryCount: entries.length };
        expect(decodeGroupHead(region, 0, salt)).toEqual(head);
        let at = groupHeadBytes;
        for (const [index, written] of entries.entries()) {
          const end = endOfEntry(region, at, salt);
          expect(end).toBe(group.entryEnds[index]);
          expect(entryBytes(written)).toBe((end ?? 0) - at);
          expect(written).toMatchObject(decodeEntry(region, at));
          if ('baseOffset' in written) checkRecords({ records: [], ...written }, region, at);
          at = end ?? 0;
        }
        expect(at).toBe(group.bytes.length);
      }),
    );
  });

  test('no flipped bit goes unseen', () => {
    const records = [
      { key: Uint8Array.of(1), value: Uint8Array.of(2), headers: Uint8Array.of(0), timeMs: 3 },
    ];
    const batch = {
      kind: 'batch',
      topic: 1,
      partition: 2,
      baseOffset: 3,
      recordCount: 1,
      records,
    } as const;
    const whole = encodeGroup([batch], { sequence: 9, salt }).bytes;
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const flipped = whole.slice();
      flipped[bit >>> 3]! ^= 1 << (bit & 7);
      const region = regionOf(flipped);
      const isSound =
        decodeGroupHead(region, 0, salt) !== undefined &&
        endOfEntry(region, groupHeadBytes, salt) === whole.length;
      expect(isSound).toBe(false);
    }
    expect(whole.length).toBeGreaterThan(50);
  });

  test('a file header comes back, and another version is refused', () => {
    const header = { salt, fileNumber: 7, firstSequence: 2 ** 40 + 1 };
    const encoded = encodeFileHeader(header);
    expect(decodeFileHeader(encoded)).toEqual(header);
    expect(decodeFileHeader(new Uint8Array(32))).toBeUndefined();
    expect(decodeFileHeader(encoded.subarray(0, 31))).toBeUndefined();
  });

  test('what one log wrote is nothing to a log with another salt', () => {
    const region = regionOf(encodeGroup([], { sequence: 1, salt }).bytes);
    expect(decodeGroupHead(region, 0, salt + 1)).toBeUndefined();
  });

  /** Version 1, as it is stored. Never regenerate. */
  test('the bytes of version 1 are these', () => {
    const records = [
      {
        key: Uint8Array.of(0x6b),
        value: Uint8Array.of(0x76),
        headers: Uint8Array.of(0),
        timeMs: 1,
      },
    ];
    const group = encodeGroup(
      [
        { kind: 'topic', topic: 0, partitions: 1, name: 't' },
        { kind: 'batch', topic: 0, partition: 0, baseOffset: 5, recordCount: 1, records },
        { kind: 'start', topic: 0, partition: 0, start: 6 },
      ],
      { sequence: 1, salt: 1 },
    );
    const entry = group.bytes.subarray(group.entryEnds[0], group.entryEnds[1]);
    const place = { topic: 0, partition: 0, baseOffset: 5, recordCount: 1 };
    const moved = encodeGroup([{ kind: 'moved', ...place, entry }], { sequence: 2, salt: 1 });
    expect(Buffer.from(moved.bytes).toString('hex')).toMatchInlineSnapshot(
      `"54444d4734000000020000000000000001000000c1f75d10a27b08572c000000050000000000000000050000000000000001000000010000000100000001000000000000000000f03f6b7600"`,
    );
    expect(
      Buffer.from(encodeFileHeader({ salt: 1, fileNumber: 1, firstSequence: 0 })).toString('hex'),
    ).toMatchInlineSnapshot(`"54444d4c0100000001000000010000000000000000000000f05807bc00000000"`);
    expect(Buffer.from(group.bytes).toString('hex')).toMatchInlineSnapshot(
      `"54444d475f000000010000000000000003000000804b50ae820e7ef00a000000020000000001000000742a9aa8ff2c000000010000000000000000050000000000000001000000010000000100000001000000000000000000f03f6b76006485159f110000000300000000000000000600000000000000"`,
    );
  });
});

function checkRecords(
  written: { readonly baseOffset: number; readonly records: readonly LogRecord[] },
  region: ReturnType<typeof regionOf>,
  at: number,
): void {
  const records: StoredRecord[] = [];
  decodeRecords(region, at, { from: written.baseOffset, records });
  expect(records).toEqual(
    written.records.map((expected, index) => ({
      ...expected,
      offset: BigInt(written.baseOffset + index),
    })),
  );
  const rest: StoredRecord[] = [];
  decodeRecords(region, at, { from: written.baseOffset + 1, records: rest });
  expect(rest).toEqual(records.slice(1));
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeHeaders } from '@tidemark/ports';
import { bytesOf, emptyBytes, hexOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type RecordRun,
  recordCount,
  recordKinds,
  recordsIn,
  recordValueBytes,
  type SessionRecord,
} from './record.ts';
import { decodeRecord, kindIn } from './record-decode.ts';
import { encodeRecordHeaders, encodeRunHeaders } from './record-encode.ts';

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(hexOf);
const count = fc.nat({ max: 2 ** 40 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

const record: fc.Arbitrary<SessionRecord> = fc
  .record({
    kind: fc.constantFrom(...recordKinds),
    rev: count,
    id,
    prev: id,
    logEpoch: id,
    level: count,
    timeMs: count,
    value: fc.uint8Array(),
    seq: maybe(count),
    count: maybe(count),
    producer: maybe(fc.record({ id: fc.string({ unit: 'grapheme' }), epoch: count, seq: count })),
    streamSeq: maybe(fc.string({ unit: 'grapheme', maxLength: 300 })),
    key: maybe(fc.string({ maxLength: 300 })),
    eventId: maybe(fc.string()),
    type: maybe(fc.string()),
    note: maybe(fc.string({ unit: 'grapheme' })),
  })
  .map((drawn) => ({ ...drawn, prev: drawn.rev === 0 ? '' : drawn.prev }));

test('every record reads back as it was written', () => {
  fc.assert(
    fc.property(record, (written) => {
      const stored = { headers: encodeRecordHeaders(written), value: written.value };
      expect(decodeRecord(stored)).toEqual({ kind: 'record', record: written });
      expect(kindIn(stored.headers)).toBe(written.kind);
    }),
  );
});

/** Mostly as the one before it. */
const told = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ eventId: undefined, type: 'ü', note: undefined }) },
  {
    weight: 1,
    arbitrary: fc.record({
      eventId: maybe(fc.string()),
      type: maybe(fc.constantFrom('agent.message', 'user.message')),
      note: maybe(fc.string({ unit: 'grapheme' })),
    }),
  },
);
const event = fc.tuple(fc.record({ id, value: fc.uint8Array() }), told).map(([one, more]) => ({
  ...one,
  ...more,
}));
/** Where numbers become longer, and where they are written in another way. */
const place = fc.oneof(
  count,
  fc
    .tuple(fc.constantFrom(0, 10, 1_000, 2 ** 31), fc.integer({ min: -15, max: 3 }))
    .map(([at, by]) => Math.max(0, at + by)),
);

const recordRun: fc.Arbitrary<RecordRun> = fc
  .tuple(record, fc.array(event, { minLength: 1, maxLength: 20 }), place, place)
  .map(([first, events, rev, seq]) => {
    const { prev, logEpoch, level, timeMs, producer, streamSeq, key } = first;
    const ids = events.map((each) => each.id);
    return {
      kind: 'run',
      ...{
        rev,
        prev: rev === 0 ? '' : prev,
        logEpoch,
        level,
        timeMs,
        seq,
        producer,
        streamSeq,
        key,
      },
      earlierIds: ids.slice(0, -1).join(''),
      lastId: ids.at(-1) ?? '',
      values: events.map(({ value }) => value),
      valueBytes: events.reduce((sum, { value }) => sum + value.length, 0),
      eventIds: events.map(({ eventId }) => eventId),
      types: events.map(({ type }) => type),
      notes: events.map(({ note }) => note),
    };
  });

test('a run lies in the log as its records do', () => {
  fc.assert(
    fc.property(recordRun, (run) => {
      const records = [...recordsIn([run])];
      const alone = records.map(encodeRecordHeaders);
      expect(encodeRunHeaders(run).map(hexOf)).toEqual(alone.map(hexOf));
      expect(records.length).toBe(recordCount(run));
      const bytes = records.reduce((sum, each) => sum + recordValueBytes(each), 0);
      expect(bytes).toBe(recordValueBytes(run));
      for (const [index, { rev, prev }] of records.entries()) {
        expect([rev, prev]).toEqual([run.rev + index, records[index - 1]?.id ?? run.prev]);
      }
    }),
  );
});

test('any bytes at all have an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (headers) => {
      expect(['record', 'foreign', 'malformed']).toContain(
        decodeRecord({ headers, value: emptyBytes }).kind,
      );
    }),
    { numRuns: 2_000 },
  );
});

/** Slow and plain: by name, the last of each, numbers by their pattern. */
function plainly(headers: readonly (readonly [string, string])[]): unknown {
  const byName = new Map(headers);
  const text = (name: string): string | undefined => byName.get(name);
  const natural = (name: string): number | undefined => {
    const value = /^(0|[1-9]\d*)$/.test(text(name) ?? '') ? Number(text(name)) : Number.NaN;
    return Number.isSafeInteger(value) ? value : undefined;
  };
  if (text('v') === undefined) return 'foreign';
  const [rev, epoch, seq] = [natural('rev'), natural('pepoch'), natural('pseq')];
  const needed = [text('kind'), text('id'), text('log'), rev, natural('level'), natural('time')];
  if (text('v') !== '1' || needed.includes(undefined)) return 'malformed';
  if ((text('prev') === undefined) !== (rev === 0)) return 'malformed';
  const id = text('pid');
  const isStamp = id !== undefined && epoch !== undefined && seq !== undefined;
  return {
    kind: text('kind'),
    rev,
    id: text('id'),
    prev: text('prev') ?? '',
    logEpoch: text('log'),
    level: natural('level'),
    timeMs: natural('time'),
    value: emptyBytes,
    seq: natural('seq'),
    count: natural('n'),
    producer: isStamp ? { id, epoch, seq } : undefined,
    streamSeq: text('sseq'),
    key: text('key'),
    eventId: text('eid'),
    type: text('type'),
    note: text('note'),
  };
}

test('headers in any order, repeated, unknown or odd mean what they mean to a plain reader', () => {
  const name = fc.constantFrom(
    ...['v', 'kind', 'rev', 'id', 'prev', 'seq', 'log', 'level', 'time', 'n'],
    ...[
      'pid',
      'pepoch',
      'pseq',
      'sseq',
      'key',
      'eid',
      'type',
      'note',
      'x',
      'vv',
      'kin',
      'üs',
      '',
      'n'.repeat(70),
    ],
  );
  const value = fc.oneof(
    fc.nat({ max: 3 }).map(String),
    fc.constantFrom('', '00', '9007199254740991', '9007199254740993', '-0', ' 1', 'ü', '1'),
    fc.string(),
  );
  const base = ['v', 'kind', 'rev', 'id', 'log', 'level', 'time'].map((known) =>
    fc.tuple(fc.constant(known), fc.constantFrom('1', '0', 'event')),
  );
  const headers = fc
    .tuple(fc.tuple(...base), fc.array(fc.tuple(name, value), { maxLength: 12 }))
    .chain(([first, more]) => fc.shuffledSubarray([...first, ...more], { minLength: 5 }));
  fc.assert(
    fc.property(headers, (drawn) => {
      const decoded = decodeRecord({ headers: encodeHeaders(drawn), value: emptyBytes });
      expect(decoded.kind === 'record' ? decoded.record : decoded.kind).toEqual(plainly(drawn));
    }),
    { numRuns: 3_000 },
  );
});

describe('what is not ours', () => {
  const whole = [
    ['v', '1'],
    ['kind', 'event'],
    ['rev', '1'],
    ['id', 'a'],
    ['prev', 'b'],
    ['seq', '0'],
    ['log', 'e'],
    ['level', '1'],
    ['time', '1'],
  ] as const;
  const kindOf = (headers: readonly (readonly [string, string])[]): string =>
    decodeRecord({ headers: encodeHeaders(headers), value: emptyBytes }).kind;

  test('no version is foreign, and so are no headers', () => {
    expect(kindOf(whole)).toBe('record');
    expect(kindOf(whole.slice(1))).toBe('foreign');
    expect(kindOf([])).toBe('foreign');
  });

  test.each(['kind', 'rev', 'id', 'prev', 'log', 'level', 'time'])(
    'without %s it is malformed',
    (name) => {
      expect(kindOf(whole.filter(([header]) => header !== name))).toBe('malformed');
    },
  );

  test.each(['-1', '1.5', '01', '', '1e3', '9007199254740992'])(
    'a rev of %j is malformed',
    (rev) => {
      const headers = whole.map(
        ([name, value]) => (name === 'rev' ? [name, rev] : [name, value]) as [string, string],
      );
      expect(kindOf(headers)).toBe('malformed');
    },
  );

  test('a prev at rev 0 is malformed', () => {
    const headers = whole.map(
      ([name, value]) => (name === 'rev' ? [name, '0'] : [name, value]) as [string, string],
    );
    expect(kindOf(headers)).toBe('malformed');
  });
});

test.each([0, 1, 9, 10, 99, 100, 2_147_483_647, 2_147_483_648, Number.MAX_SAFE_INTEGER])(
  'the number %d is written in decimal and read again',
  (seq) => {
    const written: SessionRecord = {
      kind: 'event',
      rev: seq,
      id: 'a',
      prev: seq === 0 ? '' : 'p',
      logEpoch: 'e',
      level: 1,
      timeMs: seq,
      value: emptyBytes,
      seq,
    };
    const headers = encodeRecordHeaders(written);
    expect(Buffer.from(headers).toString('latin1')).toContain(String(seq));
    expect(decodeRecord({ headers, value: emptyBytes })).toMatchObject({ record: written });
  },
);

test('the bytes are those of the first release', () => {
  const golden = readFileSync(
    join(import.meta.dirname, '../fixtures/record-v1.hex'),
    'utf8',
  ).trim();
  const written: SessionRecord = {
    kind: 'event',
    rev: 7,
    id: '000102030405060708090a0b0c0d0e0f',
    prev: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
    logEpoch: '0123456789abcdef0123456789abcdef',
    level: 1,
    timeMs: 1_700_000_000_000,
    value: bytesOf('{"text":"hello"}'),
    seq: 5,
    count: 2,
    producer: { id: 'worker ü', epoch: 3, seq: 12 },
    streamSeq: '0007',
    key: 'key-1',
    eventId: 'event-1',
  };
  expect(hexOf(encodeRecordHeaders(written))).toBe(golden);
  expect(decodeRecord({ headers: Buffer.from(golden, 'hex'), value: written.value })).toEqual({
    kind: 'record',
    record: written,
  });
});

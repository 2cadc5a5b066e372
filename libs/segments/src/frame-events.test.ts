// What is taken out of frames is what was appended, whatever stands in it and in whatever pieces it is asked for.

import { zstdCompressSync } from 'node:zlib';
import { Problem } from '@tidemark/protocol';
import { bytesOf, concatBytes, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameEvents, framesOf } from './frame-events.ts';
import { encodeFrame, frameBytesOf, type SegmentSession } from './segment-format.ts';
import type { ArchivedSession } from './segment-line.ts';
import { SegmentWriter, type WrittenSegment } from './segment-writer.ts';
import { lineHead } from './wanted-lines.ts';

type Sent = Pick<ArchivedSession, 'key' | 'tenant' | 'name'> & {
  readonly isJson: boolean;
  readonly firstSeq: number;
  readonly bodies: readonly Uint8Array[];
};

const range = { shard: 't/0', logEpoch: 'e', firstOffset: 0n, endOffset: 1n };

function segmentOf(sessions: readonly Sent[]): WrittenSegment {
  const writer = new SegmentWriter(range);
  for (const { key, tenant, name, isJson, firstSeq, bodies } of sessions) {
    const stream = {
      tag: key,
      isJson,
      incarnation: 'ab'.repeat(16),
      lineage: [],
    } as unknown as ArchivedSession['stream'];
    const session = { key, tenant, name, stream };
    const events = bodies.map((body, index) => {
      const seq = firstSeq + index;
      return { seq, offset: 3 * seq, timeMs: seq, body };
    });
    writer.add(session, events);
  }
  return writer.finish();
}

interface Asked {
  readonly sent: Sent;
  readonly skipped: number;
  readonly count: number;
}

/** As they are served. */
function taken(
  { body, directory }: WrittenSegment,
  frames: FrameEvents,
  { sent, skipped, count }: Asked,
): string {
  const session = directory.sessions.find(({ key }) => key === sent.key) as SegmentSession;
  const at = framesOf(directory, session, { skipped, count });
  const pieces: Uint8Array[] = [];
  let ends = 0;
  frames.take(
    {
      ...at,
      segment: 'one',
      bytes: body.subarray(at.firstByte, at.endByte),
      seq: sent.firstSeq + skipped,
      count,
      head: lineHead(sent.tenant, sent.name),
    },
    (events) => {
      expect(events.isJson).toBe(sent.isJson);
      expect(events.ends.at(-1)).toBe(events.bytes.length);
      ends += events.ends.length;
      pieces.push(Uint8Array.from(events.bytes));
    },
  );
  expect(ends).toBe(count);
  return Buffer.from(concatBytes(pieces)).toString('latin1');
}

const served = ({ sent, skipped, count }: Asked): string =>
  sent.bodies
    .slice(skipped, skipped + count)
    .map((body) => Buffer.from(body).toString('latin1') + (sent.isJson ? ',' : ''))
    .join('');

const hostile = fc.constantFrom(
  '{"type":"a\\"b\\\\","event":null,"bytes":"AA=="}',
  '{"x":",\\"event\\":null,\\"bytes\\":\\"","event":{"event":[{"seq":7}]}}',
  '{\n "type": "t",\r\n\n "breaks":[1,2],"event": [\n] }',
  '"\\u2028\\u0000\\n"',
  '"\u2028\u2029 \u0085 \u{1f30a}"',
  '{"id":"\\",\\"event\\":1","turn_id":"]","level":",\\"event\\":"}',
  '{"type":"system.redacted","redacted_at":"2026-01-01T00:00:00.000Z"}',
  '[]',
  '{}',
  '0',
  'null',
);
const jsonBody = fc
  .oneof(
    hostile,
    fc.json({ maxDepth: 3, stringUnit: 'grapheme' }),
    fc.integer({ min: 60_000, max: 300_000 }).map((size) => JSON.stringify('x'.repeat(size))),
  )
  .map((text) => bytesOf(text));
const rawBody = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 80 }) },
  { weight: 1, arbitrary: fc.constant(new Uint8Array(90_000).fill(10)) },
);
const sessionName = fc.oneof(
  fc.string({ minLength: 1, maxLength: 20 }),
  fc.constantFrom('a/"b"', '\\', ',"event":', 's\u2028'),
);

const sessions: fc.Arbitrary<Sent[]> = fc
  .array(
    fc
      .record({ name: sessionName, firstSeq: fc.nat(1_000_000), isJson: fc.boolean() })
      .chain((session) =>
        fc
          .array(session.isJson ? jsonBody : rawBody, { minLength: 1, maxLength: 30 })
          .map((bodies) => ({ ...session, bodies })),
      ),
    { minLength: 1, maxLength: 6 },
  )
  .map((all) => all.map((sent, index) => ({ ...sent, tenant: 't', key: `k${index}` })));

describe('events that are taken', () => {
  test('are what was appended, in any pieces and any order', () => {
    fc.assert(
      fc.property(sessions, fc.infiniteStream(fc.nat(1_000)), (all, numbers) => {
        const segment = segmentOf(all);
        const frames = new FrameEvents();
        const next = (): number => numbers.next().value ?? 0;
        const asked = all.flatMap((sent) => {
          const parts: Asked[] = [];
          for (let skipped = 0; skipped < sent.bodies.length; ) {
            const count = 1 + (next() % (sent.bodies.length - skipped));
            parts.push({ sent, skipped, count });
            skipped += count;
          }
          return parts;
        });
        for (const each of asked) expect(taken(segment, frames, each)).toBe(served(each));
        for (const each of asked.toSorted(() => (next() % 3) - 1)) {
          expect(taken(segment, frames, each)).toBe(served(each));
        }
      }),
      { numRuns: 150 },
    );
  });

  test('are none of another session, or of another place', () => {
    const bodies = ['1', '2', '3'].map((text) => bytesOf(text));
    const sent = { key: 'k', tenant: 't', name: 's', isJson: true, firstSeq: 4, bodies };
    const segment = segmentOf([sent]);
    const take = (changed: Partial<Sent>): string =>
      taken(segment, new FrameEvents(), { sent: { ...sent, ...changed }, skipped: 1, count: 2 });
    expect(take({})).toBe('2,3,');
    expect(() => take({ firstSeq: 5 })).toThrow(Problem);
    expect(() => take({ name: 'r' })).toThrow(Problem);
    expect(() => take({ tenant: 'u' })).toThrow(Problem);
  });

  test('are none where a frame has not the lines that it had', () => {
    const sent = { key: 'k', tenant: 't', name: 's', isJson: true, firstSeq: 0 };
    const segment = segmentOf([{ ...sent, bodies: [bytesOf('1'), bytesOf('2')] }]);
    const stored = segment.directory.frames.map((frame) => ({ ...frame, lines: 1 }));
    const short = { ...segment, directory: { ...segment.directory, frames: stored } };
    const asked = { sent: { ...sent, bodies: [] }, skipped: 0, count: 1 };
    expect(() => taken(short, new FrameEvents(), asked)).toThrow('not the lines');
  });
});

describe('a frame', () => {
  const bodies = (count: number, bytes: number) =>
    Array.from({ length: count }, (_, index) => bytesOf(`"${index}${'x'.repeat(bytes)}"`));
  const sent = (key: string, count: number): Sent => ({
    ...{ key, tenant: 't', name: key, isJson: true, firstSeq: 0 },
    bodies: bodies(count, 1_000),
  });
  const rawBytes = ({ body, directory }: WrittenSegment): readonly number[] =>
    directory.frames.map(
      ({ firstByte, endByte }) => frameBytesOf(body.subarray(firstByte, endByte)).length,
    );

  test('has up to 256 KiB of one session, and 64 KiB of several', () => {
    const long = rawBytes(segmentOf([sent('a', 1_000)]));
    expect(Math.max(...long)).toBeLessThan(264_000);
    expect(Math.min(...long.slice(0, -1))).toBeGreaterThanOrEqual(262_144);
    const many = Array.from({ length: 26 }, (_, at) => sent(String.fromCharCode(97 + at), 20));
    const mixed = rawBytes(segmentOf(many));
    expect(Math.max(...mixed)).toBeLessThan(67_000);
    expect(Math.min(...mixed.slice(0, -1))).toBeGreaterThanOrEqual(65_536);
  });

  test('begins with a session where the one before fills 64 KiB of it', () => {
    const { directory } = segmentOf([sent('a', 100), sent('b', 1_000), sent('c', 1)]);
    expect(directory.sessions.map(({ frame, line }) => [frame, line])).toMatchObject([
      [0, 0],
      [1, 0],
      [expect.any(Number), expect.any(Number)],
    ]);
  });

  test.each([0, 1, 255, 256, 257, 65_535, 65_536, 65_791, 65_792, 300_000])(
    'of %i bytes is decoded whole, in no more memory than it takes',
    (size) => {
      const content = Buffer.alloc(size, 'abc');
      const decoded = frameBytesOf(encodeFrame(content));
      expect(decoded.equals(content)).toBe(true);
      if (size > 65_536) expect(decoded.buffer.byteLength).toBe(size + 1);
    },
  );

  test('that does not say how long it is, or is none, is decoded or refused', () => {
    const content = Buffer.alloc(200_000, 'abc');
    const silent = Buffer.from(zstdCompressSync(content));
    // As the command line tool writes it from a pipe: no size, and a window instead.
    const [descriptor] = silent.subarray(4, 5);
    expect(descriptor).toBe(0xa0);
    const piped = Buffer.concat([silent.subarray(0, 4), Buffer.of(0x00, 0x58), silent.subarray(9)]);
    expect(textOf(frameBytesOf(piped))).toBe(textOf(content));
    for (const bytes of [[], [1], [0x28, 0xb5, 0x2f, 0xfd], [0x28, 0xb5, 0x2f, 0xfd, 0xff]]) {
      expect(() => frameBytesOf(Buffer.from(bytes))).toThrow(Problem);
    }
  });
});

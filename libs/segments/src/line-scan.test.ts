import { Problem } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineScan } from './line-scan.ts';
import { lineHead } from './wanted-lines.ts';

const head = lineHead('t', 'one');
const member = ',"event":';

describe('the event member of a line', () => {
  /** Texts that nearly have it. */
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(member, ',"event', '"event":', 'ent":', ':', ',', '"', ',"ev', 'e', 'x:'),
      fc.string({ maxLength: 12 }),
    ),
    { maxLength: 30 },
  );

  test('is where it first stands, or nowhere', () => {
    fc.assert(
      fc.property(pieces, fc.nat(40), fc.nat(60), (texts, from, short) => {
        const frame = Buffer.from(texts.join(''));
        const end = Math.max(0, frame.length - short);
        const at = frame.subarray(0, end).indexOf(member, from);
        const scan = new LineScan(frame, head);
        if (at === -1) expect(() => scan.memberIn(from, end)).toThrow(Problem);
        else expect(scan.memberIn(from, end)).toBe(at);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the seq of a line', () => {
  test('is told where the line is of the session, wherever it lies in the frame', () => {
    const seqs = fc.oneof(fc.nat(), fc.constantFrom(0, 9, 10, 2 ** 40));
    fc.assert(
      fc.property(fc.string({ maxLength: 9 }), seqs, (before, seq) => {
        const start = Buffer.byteLength(before);
        const text = Buffer.concat([bytesOf(before), head, bytesOf(`${seq},"offset":1`)]);
        // In memory that others have a part of, at an odd place.
        const frame = Buffer.concat([bytesOf('abc'), text]).subarray(3);
        const scan = new LineScan(frame, head);
        const end = start + head.length + String(seq).length;
        expect(scan.afterSeq(start, seq)).toBe(end);
        expect(scan.passSeq(start, seq)).toBe(end);
        expect(() => scan.afterSeq(start, seq + 1)).toThrow('another line');
      }),
    );
  });

  test.each([
    ['another session', lineHead('t', 'onf')],
    ['another tenant', lineHead('u', 'one')],
    ['a frame that ends', head.subarray(0, -1)],
    ['nothing', new Uint8Array(0)],
  ])('is none of %s', (_, start) => {
    const text = start.length < head.length ? [start] : [start, bytesOf('7')];
    const scan = new LineScan(Buffer.concat(text), head);
    expect(() => scan.afterSeq(0, 7)).toThrow('another line');
  });
});

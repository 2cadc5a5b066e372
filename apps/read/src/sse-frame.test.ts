// Frames as a client reads them: by the rules for server-sent events, and nothing else.

import type { StreamState } from '@tidemark/session';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { controlFrame, frameParts, sliceBytesMax, slicesOf } from './sse-frame.ts';

interface SseEvent {
  readonly event: string;
  readonly data: string;
}

/** As the standard has it: any line end, one space dropped, lines joined by a line feed. */
function parseEvents(text: string): SseEvent[] {
  const events: SseEvent[] = [];
  let event = '';
  let data: string[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === '') {
      if (data.length > 0) events.push({ event, data: data.join('\n') });
      event = '';
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    const field = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
  return events;
}

const streamOf = (contentType: string, isClosed = false): StreamState =>
  ({
    contentType,
    isJson: contentType === 'application/json',
    isClosed,
    tailPosition: 5,
    tailSeq: 5,
    incarnation: 'incarnation',
    lineage: [],
    tag: '0badcafe',
  }) as unknown as StreamState;

const control = { cursor: '12', upToDate: true };
const framesOf = (contentType: string, parts: readonly Uint8Array[]): SseEvent[] => {
  const range = { bodies: parts, endPosition: 5, endSeq: 5 };
  return parseEvents(
    Buffer.concat([...frameParts(streamOf(contentType), range, control)]).toString(),
  );
};

describe('a data frame', () => {
  test('of JSON is the array of its events, whatever their text is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { minLength: 1 }),
        fc.constantFrom(undefined, 2),
        (values, indent) => {
          const parts = values.map((value) =>
            Buffer.from(`${JSON.stringify(value, null, indent)},`),
          );
          const [data, last] = framesOf('application/json', parts);
          expect(data?.event).toBe('data');
          expect(JSON.parse(data?.data ?? '')).toEqual(JSON.parse(JSON.stringify(values)));
          expect(last?.event).toBe('control');
        },
      ),
    );
  });

  test('of text carries every line, and none of them is taken for another field', () => {
    const line = fc.constantFrom('data: x', 'event: control', '', ' spaced', 'id: 1', ': x', 'ü');
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        (lines, end) => {
          const events = framesOf('text/plain', [Buffer.from(lines.join(end))]);
          expect(events.map(({ event }) => event)).toEqual(['data', 'control']);
          expect(events[0]?.data).toBe(lines.join('\n'));
        },
      ),
    );
  });

  test('of bytes is base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        const [data] = framesOf('application/octet-stream', [bytes]);
        expect(Buffer.from(data?.data ?? '', 'base64')).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

test('a control frame tells where to go on, and that a closed stream is at its end', () => {
  const frameOf = (stream: StreamState, position: number) =>
    JSON.parse(
      parseEvents(controlFrame(stream, position, control).toString())[0]?.data ?? '',
    ) as object;
  const open = frameOf(streamOf('application/json'), 5);
  expect(open).toMatchObject({ streamCursor: '12', upToDate: true });
  expect(open).not.toHaveProperty('streamClosed');
  const closed = frameOf(streamOf('application/json', true), 5);
  expect(closed).toMatchObject({ streamClosed: true, upToDate: true });
  expect(closed).not.toHaveProperty('streamCursor');
  expect(frameOf(streamOf('application/json', true), 4)).not.toHaveProperty('streamClosed');
});

/** Text of every kind of line end, cut where it may be cut in memory. */
const linedText = fc.array(
  fc
    .array(fc.constantFrom('a', ' ', '\n', '\r', 'é'), { maxLength: 40 })
    .map((some) => some.join('')),
  { maxLength: 6 },
);

test('a frame is the same however its bodies lie in memory', () => {
  fc.assert(
    fc.property(
      linedText,
      fc.constantFrom('text/plain', 'application/octet-stream'),
      (texts, type) => {
        const bodies = texts.map((text) => Buffer.from(text));
        expect(framesOf(type, bodies)).toEqual(framesOf(type, [Buffer.concat(bodies)]));
      },
    ),
  );
});

test.each([
  ['application/json', [Buffer.from(`"${'x'.repeat(3_000_000)}",`)]],
  ['application/json', [Buffer.from(`[${' \n1,'.repeat(300_000)}1],`)]],
  ['text/plain', [Buffer.from('\n'.repeat(500_000)), Buffer.from(' \r\n'.repeat(100_000))]],
  ['application/octet-stream', [new Uint8Array(1_000_001).fill(7), new Uint8Array(400_000)]],
])('a frame of any size is written slice by slice: %s', (contentType, bodies) => {
  const range = { bodies, endPosition: 5, endSeq: 5 };
  const parts = (): Iterable<Uint8Array> => frameParts(streamOf(contentType), range, control);
  const slices = [...slicesOf(parts())].map((slice) => Buffer.concat(slice));
  expect(Math.max(...slices.map(({ length }) => length))).toBeLessThanOrEqual(sliceBytesMax);
  expect(slices.length).toBeGreaterThan(2);
  expect(Buffer.concat(slices).equals(Buffer.concat([...parts()]))).toBe(true);
  const [data] = parseEvents(Buffer.concat(slices).toString());
  const sent = Buffer.concat(bodies);
  if (contentType === 'application/json') {
    expect(JSON.parse(data?.data ?? '')).toEqual(JSON.parse(`[${sent.toString().slice(0, -1)}]`));
  } else if (contentType === 'text/plain') {
    expect(data?.data).toBe(sent.toString().replaceAll('\r\n', '\n'));
  } else {
    expect(Buffer.from(data?.data ?? '', 'base64').equals(sent)).toBe(true);
  }
});

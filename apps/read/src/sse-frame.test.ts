// Frames as a client reads them: by the rules for server-sent events, and nothing else.

import type { StreamState } from '@tidemark/session';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOfChunk, chunkOf, controlFrame, dataFrames } from './sse-frame.ts';

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
  return parseEvents(dataFrames(streamOf(contentType), range, control).toString());
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

test('a chunk carries its length, and gives back what it was made of', () => {
  for (const text of ['', 'x', 'data:a\r\n\r\nb', 'y'.repeat(70_000)]) {
    const chunk = chunkOf(Buffer.from(text));
    expect(chunk.toString().startsWith(`${Buffer.byteLength(text).toString(16)}\r\n`)).toBe(true);
    expect(bytesOfChunk(chunk).toString()).toBe(text);
  }
});

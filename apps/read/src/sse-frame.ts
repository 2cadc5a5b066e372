// A piece of a session as server-sent events: one `data` event, and the `control` event behind it. It
// is made part by part, so that an event of any size is on its way without being copied as a whole.

import { isTextual } from '@tidemark/protocol';
import { cursorAt, type StreamState } from '@tidemark/session';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;

/** What is written to a socket at once. */
export const sliceBytesMax: number = 256 * 1_024;
/** Before base64 makes four bytes of three. */
const base64PartBytes = (sliceBytesMax / 4) * 3;

export interface FrameRange {
  readonly bodies: readonly Uint8Array[];
  readonly endPosition: number;
}

export interface FrameControl {
  readonly cursor: string;
  readonly upToDate: boolean;
}

const eventHead = Buffer.from('event: data\n');
const dataHead = Buffer.from('data:');
/** The client drops one space: a line that begins with one gets another. */
const spacedHead = Buffer.from('data: ');
const newline = Buffer.from('\n');
const openBracket = Buffer.from('[');
const closeBracket = Buffer.from(']');
const lineHeadBytes = spacedHead.length + newline.length;

/** The frame of a range, in order. What it says of the end is as true as when it was begun. */
export function frameParts(
  stream: StreamState,
  range: FrameRange,
  control: FrameControl,
): Generator<Uint8Array> {
  const last = controlFrame(stream, range.endPosition, control);
  return partsOf(stream, range.bodies, last);
}

function* partsOf(
  { isJson, contentType }: StreamState,
  bodies: readonly Uint8Array[],
  control: Buffer,
): Generator<Uint8Array> {
  yield eventHead;
  if (isJson) yield* textParts(arrayOf(bodies));
  else if (isTextual(contentType)) yield* textParts(bodies);
  else yield* base64Parts(bodies);
  yield newline;
  yield control;
}

export function controlFrame(
  stream: StreamState,
  position: number,
  { cursor, upToDate }: FrameControl,
): Buffer {
  const isFinal = stream.isClosed && position === stream.tailPosition;
  const control = {
    streamNextOffset: cursorAt(stream, position),
    ...(isFinal ? { streamClosed: true } : { streamCursor: cursor }),
    ...(upToDate || isFinal ? { upToDate: true } : undefined),
  };
  return Buffer.from(`event: control\ndata:${JSON.stringify(control)}\n\n`);
}

/** Every event ends with a comma; the array has none behind its last. */
function arrayOf(bodies: readonly Uint8Array[]): readonly Uint8Array[] {
  const last = bodies.at(-1) ?? new Uint8Array(0);
  return [openBracket, ...bodies.slice(0, -1), last.subarray(0, -1), closeBracket];
}

const hasLineEnd = (bytes: Uint8Array): boolean =>
  bytes.includes(lineFeed) || bytes.includes(carriageReturn);

/** Every line of the text is a line of data: nothing in it can end the event or begin another. */
export function* textParts(text: readonly Uint8Array[]): Generator<Uint8Array> {
  if (text.some(hasLineEnd)) {
    yield* lineParts(text);
    return;
  }
  const first = text.find(({ length }) => length > 0)?.[0];
  yield first === space ? spacedHead : dataHead;
  yield* text;
  yield newline;
}

function* lineParts(text: readonly Uint8Array[]): Generator<Uint8Array> {
  let lengthBytes = lineHeadBytes;
  for (const { length } of text) lengthBytes += length;
  const partBytes = Math.min(sliceBytesMax, lengthBytes * lineHeadBytes);
  let part = Buffer.allocUnsafe(partBytes);
  let end = 0;
  let isLineStart = true;
  let isBehindReturn = false;
  for (const bytes of text) {
    for (const byte of bytes) {
      const isInside = byte === lineFeed && isBehindReturn;
      isBehindReturn = byte === carriageReturn;
      if (isInside) continue;
      if (end + lineHeadBytes > partBytes) {
        yield part.subarray(0, end);
        part = Buffer.allocUnsafe(partBytes);
        end = 0;
      }
      if (isLineStart) end += (byte === space ? spacedHead : dataHead).copy(part, end);
      isLineStart = byte === lineFeed || byte === carriageReturn;
      part[end] = isLineStart ? lineFeed : byte;
      end += 1;
    }
  }
  yield part.subarray(0, end);
  if (isLineStart) yield dataHead;
  yield newline;
}

function* base64Parts(bodies: readonly Uint8Array[]): Generator<Uint8Array> {
  yield dataHead;
  let rest: Uint8Array = new Uint8Array(0);
  for (const body of bodies) {
    for (let at = 0; at < body.length; ) {
      const some = body.subarray(at, at + base64PartBytes - rest.length);
      const bytes = Buffer.concat([rest, some]);
      const whole = bytes.length - (bytes.length % 3);
      yield Buffer.from(bytes.toString('base64', 0, whole));
      rest = bytes.subarray(whole);
      at += some.length;
    }
  }
  yield Buffer.from(Buffer.from(rest).toString('base64'));
  yield newline;
}

/** The parts, put together to what is written at once. */
export function* slicesOf(parts: Iterable<Uint8Array>): Generator<readonly Uint8Array[]> {
  let slice: Uint8Array[] = [];
  let bytes = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += sliceBytesMax) {
      const cut = part.subarray(at, at + sliceBytesMax);
      if (bytes + cut.length > sliceBytesMax) {
        yield slice;
        slice = [];
        bytes = 0;
      }
      slice.push(cut);
      bytes += cut.length;
    }
  }
  yield slice;
}

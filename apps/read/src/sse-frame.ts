import { isTextual } from '@tidemark/protocol';
import type { EventRange } from '@tidemark/replica';
import { cursorAt, type StreamState } from '@tidemark/session';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;

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

/**
 * The frames of a range: one `data` event, and the `control` event behind it, as one buffer that is
 * written to every follower as it is.
 */
export function dataFrames(stream: StreamState, range: EventRange, control: FrameControl): Buffer {
  const parts: Uint8Array[] = [eventHead];
  if (stream.isJson) addJson(parts, range.bodies);
  else if (isTextual(stream.contentType)) addText(parts, Buffer.concat(range.bodies));
  else addBase64(parts, Buffer.concat(range.bodies));
  parts.push(newline, controlFrame(stream, range.endPosition, control));
  return Buffer.concat(parts);
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

function addJson(parts: Uint8Array[], bodies: readonly Uint8Array[]): void {
  const last = bodies.at(-1) ?? new Uint8Array(0);
  const array = [openBracket, ...bodies.slice(0, -1), last.subarray(0, -1), closeBracket];
  const hasLines = bodies.some((body) => body.includes(lineFeed) || body.includes(carriageReturn));
  if (hasLines) addText(parts, Buffer.concat(array));
  else parts.push(dataHead, ...array, newline);
}

/** Every line of the text is a line of data: nothing in it can end the event or begin another. */
function addText(parts: Uint8Array[], text: Uint8Array): void {
  let start = 0;
  for (let at = 0; at <= text.length; at += 1) {
    const byte = text[at];
    if (at < text.length && byte !== lineFeed && byte !== carriageReturn) continue;
    parts.push(text[start] === space ? spacedHead : dataHead, text.subarray(start, at), newline);
    if (byte === carriageReturn && text[at + 1] === lineFeed) at += 1;
    start = at + 1;
  }
}

function addBase64(parts: Uint8Array[], bytes: Buffer): void {
  parts.push(dataHead, Buffer.from(bytes.toString('base64')), newline);
}

const chunkEnd = Buffer.from('\r\n');

/** The bytes as a chunk of HTTP/1.1's chunked encoding, in one piece: a piece is a write. */
export const chunkOf = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, chunkEnd]);

/** What `chunkOf` was made of. */
export const bytesOfChunk = (chunk: Buffer): Buffer =>
  chunk.subarray(chunk.indexOf(chunkEnd) + chunkEnd.length, -chunkEnd.length);

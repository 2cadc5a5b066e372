// Lines of one segment in the order of the log, though they lie in it by session.
//
// (1) What is held at once: an index of the lines that are wanted, of `lineCost` bytes each; lines of one window;
//     and the stored frames, unless they are many: then they are fetched again for each window.
// (2) Frames without a wanted line are not fetched, but for those between two that are near each other.

import { present } from '@tidemark/std';
import {
  frameBytesOf,
  type SegmentDirectory,
  type SegmentFrame,
  type SegmentSession,
} from './segment-format.ts';
import type { SegmentRef } from './segment-manifest.ts';
import { isWanted, type LinePlace, placeIn, type WantedLines } from './wanted-lines.ts';

/** A session of the segment whose lines are wanted. */
export interface WantedSession {
  readonly session: SegmentSession;
  readonly head: Uint8Array;
  /** A line as it is told now; undefined where its event is kept no more. */
  readonly keptAs: (line: Buffer, place: LinePlace) => Buffer | undefined;
}

export interface OrderedLine {
  readonly offset: number;
  /** With its line feed. */
  readonly line: Buffer;
}

/** As it lies in its segment. */
export interface StoredLine extends OrderedLine {
  readonly place: LinePlace;
  readonly session: SegmentSession;
}

export interface LineSource {
  readonly segment: SegmentRef;
  readonly directory: SegmentDirectory;
  readonly sessions: readonly WantedSession[];
  readonly wanted: WantedLines;
  /** Lines of this part of the log alone. */
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly fetch: (firstByte: number, endByte: number) => Promise<Uint8Array>;
}

export interface LineBounds {
  /** Of the lines that are held at once. */
  readonly windowBytes: number;
  /** Of the frames that are kept for the windows that follow. */
  readonly keptBytes: number;
  /** Of one request. */
  readonly fetchBytes: number;
}

/** Frames so near each other are fetched as one. */
const gapBytes = 128 * 1_024;

/** A wanted session's lines within one frame. */
interface FramePart extends WantedSession {
  readonly firstLine: number;
  readonly endLine: number;
}

interface FoundLine extends LinePlace {
  readonly session: SegmentSession;
  readonly frame: number;
  readonly start: number;
  readonly end: number;
}

interface Span {
  readonly frames: readonly number[];
  readonly firstByte: number;
  readonly endByte: number;
}

export async function* orderedLines(
  source: LineSource,
  bounds: LineBounds,
): AsyncGenerator<readonly StoredLine[]> {
  const parts = partsByFrame(source);
  const frames = new FrameFetch(source, bounds);
  const found: FoundLine[] = [];
  for await (const { frame, bytes } of frames.read([...parts.keys()])) {
    findLines(source, { frame, bytes, parts: parts.get(frame) ?? [] }, found);
  }
  found.sort((one, other) => one.offset - other.offset);
  let from = 0;
  while (from < found.length) {
    let end = from;
    let bytes = 0;
    for (; end < found.length && (end === from || bytes < bounds.windowBytes); end += 1) {
      const line = found[end] as FoundLine;
      bytes += line.end - line.start;
    }
    yield await linesOfWindow(frames, found.slice(from, end));
    from = end;
  }
}

function partsByFrame({ directory, sessions }: LineSource): Map<number, FramePart[]> {
  const parts = new Map<number, FramePart[]>();
  for (const wanted of sessions) {
    const { session } = wanted;
    let { frame, line, count: left } = session;
    while (left > 0) {
      const { lines } = present(directory.frames[frame], 'a frame of a directory');
      const count = Math.min(left, lines - line);
      const ofFrame = parts.get(frame) ?? [];
      parts.set(frame, ofFrame);
      ofFrame.push({ ...wanted, firstLine: line, endLine: line + count });
      left -= count;
      frame += 1;
      line = 0;
    }
  }
  return parts;
}

interface DecodedFrame {
  readonly frame: number;
  readonly bytes: Buffer;
}

interface FrameLines extends DecodedFrame {
  readonly parts: readonly FramePart[];
}

const lineFeed = 0x0a;

function findLines(
  source: LineSource,
  { frame, bytes, parts }: FrameLines,
  found: FoundLine[],
): void {
  let at = 0;
  let start = 0;
  for (const part of parts) {
    for (; at < part.endLine; at += 1) {
      const end = bytes.indexOf(lineFeed, start) + 1;
      const line = bytes.subarray(start, end);
      const place = at < part.firstLine ? undefined : placeWanted(source, part, line);
      if (place !== undefined) found.push({ ...place, session: part.session, frame, start, end });
      start = end;
    }
  }
}

/** Of a line that is wanted, and kept. */
function placeWanted(
  { fromOffset, toOffset, wanted }: LineSource,
  { head, keptAs }: FramePart,
  line: Buffer,
): LinePlace | undefined {
  const place = placeIn(line, head);
  if (place.offset < fromOffset || place.offset >= toOffset) return undefined;
  const kept = keptAs(line, place);
  return kept !== undefined && isWanted(kept, place, wanted) ? place : undefined;
}

async function linesOfWindow(
  frames: FrameFetch,
  window: readonly FoundLine[],
): Promise<readonly StoredLine[]> {
  const byFrame = Map.groupBy(window.keys(), (index) => (window[index] as FoundLine).frame);
  const lines: StoredLine[] = [];
  lines.length = window.length;
  for await (const { frame, bytes } of frames.read([...byFrame.keys()])) {
    for (const index of byFrame.get(frame) ?? []) {
      const { start, end, session, seq, offset, at } = window[index] as FoundLine;
      // A copy: the frame may go.
      const line = Buffer.from(bytes.subarray(start, end));
      lines[index] = { offset, line, session, place: { seq, offset, at } };
    }
  }
  return lines;
}

/** Frames of a segment, decoded one after the other. */
class FrameFetch {
  readonly #source: LineSource;
  readonly #bounds: LineBounds;
  readonly #kept = new Map<number, Uint8Array>();

  constructor(source: LineSource, bounds: LineBounds) {
    this.#source = source;
    this.#bounds = bounds;
  }

  async *read(frames: readonly number[]): AsyncGenerator<DecodedFrame> {
    const inOrder = frames.toSorted((one, other) => one - other);
    const missing = inOrder.filter((frame) => !this.#kept.has(frame));
    for (const frame of inOrder) {
      const stored = this.#kept.get(frame);
      if (stored !== undefined) yield { frame, bytes: frameBytesOf(stored) };
    }
    for (const span of this.#spansOf(missing)) yield* this.#fetch(span);
  }

  async *#fetch(span: Span): AsyncGenerator<DecodedFrame> {
    const { segment, fetch } = this.#source;
    const mayKeep = segment.footerStart <= this.#bounds.keptBytes;
    const bytes = await fetch(span.firstByte, span.endByte);
    for (const frame of span.frames) {
      const { firstByte, endByte } = this.#frame(frame);
      const stored = bytes.subarray(firstByte - span.firstByte, endByte - span.firstByte);
      if (mayKeep) this.#kept.set(frame, stored);
      yield { frame, bytes: frameBytesOf(stored) };
    }
  }

  #frame(index: number): SegmentFrame {
    return present(this.#source.directory.frames[index], 'a frame of a directory');
  }

  #spansOf(frames: readonly number[]): readonly Span[] {
    const spans: { frames: number[]; firstByte: number; endByte: number }[] = [];
    for (const frame of frames) {
      const { firstByte, endByte } = this.#frame(frame);
      const last = spans.at(-1);
      const isNear = last !== undefined && firstByte - last.endByte <= gapBytes;
      if (isNear && endByte - last.firstByte <= this.#bounds.fetchBytes) {
        last.frames.push(frame);
        last.endByte = endByte;
      } else {
        spans.push({ frames: [frame], firstByte, endByte });
      }
    }
    return spans;
  }
}

// Events out of the frames of a segment.
//
// (1) A frame that two runs share is decoded once, where the one that begins in it comes next: a session is read
//     run by run, and its frames end where they will.
// (2) What was taken of a frame stays as it was taken: later takings lie behind it. Who comes too late decodes it anew.

import { Problem } from '@tidemark/protocol';
import {
  frameBytesOf,
  type SegmentDirectory,
  type SegmentFrame,
  type SegmentSession,
} from './segment-format.ts';
import { type SessionLinesAt, type TakenEvents, takeEvents } from './segment-line.ts';

/** Frames of a segment that follow one another. */
interface FramesAt {
  /** The number of the first. */
  readonly first: number;
  readonly frames: readonly SegmentFrame[];
  /** Lines of the first before those that are wanted. */
  readonly skipped: number;
  readonly firstByte: number;
  readonly endByte: number;
}

/** Consecutive events of one session, in the frames that they lie in. */
export interface StoredEvents extends FramesAt, Omit<SessionLinesAt, 'at'> {
  readonly segment: string;
  /** Of these frames, as they are stored. */
  readonly bytes: Uint8Array;
}

/** The frames that some of a session's lines lie in, and how many lines of them come before. */
export function framesOf(
  { frames }: SegmentDirectory,
  session: SegmentSession,
  wanted: { readonly skipped: number; readonly count: number },
): FramesAt {
  let frame = session.frame;
  let skipped = session.line + wanted.skipped;
  for (;;) {
    const lines = frames[frame]?.lines;
    if (lines === undefined)
      throw new Problem('corrupt', 'a footer names a frame that is not there');
    if (skipped < lines) break;
    skipped -= lines;
    frame += 1;
  }
  let end = frame;
  let lines = 0;
  while (lines < skipped + wanted.count && end < frames.length) {
    lines += frames[end]?.lines ?? 0;
    end += 1;
  }
  const taken = frames.slice(frame, end);
  return {
    first: frame,
    frames: taken,
    skipped,
    firstByte: taken[0]?.firstByte ?? 0,
    endByte: taken.at(-1)?.endByte ?? 0,
  };
}

/** Gives what a frame holds, in memory of its own. */
export type FrameDecoder = (stored: Uint8Array) => Promise<Buffer>;

export const decodedHere: FrameDecoder = async (stored) => frameBytesOf(stored);

interface OpenFrame {
  readonly bytes: Buffer;
  /** The first that is not taken, and where it begins. */
  line: number;
  at: number;
  /** Whether what was taken of it is kept where it is. */
  isKept: boolean;
}

export interface OpenEvents {
  readonly stored: StoredEvents;
  readonly frames: readonly OpenFrame[];
}

/** Frames that two runs may share, in memory while the other is not taken. */
const sharedMax = 4;
const lineFeed = 0x0a;

export class FrameEvents {
  readonly #decode: FrameDecoder;
  readonly #shared = new Map<string, Promise<OpenFrame>>();

  constructor(decode: FrameDecoder) {
    this.#decode = decode;
  }

  /** Decodes the frames, all at once. */
  async open(stored: StoredEvents): Promise<OpenEvents> {
    const opening = stored.frames.map((_, index) => this.#openFrame(stored, index));
    return { stored, frames: await Promise.all(opening) };
  }

  /** Gives them frame by frame. What `give` does not say that it keeps goes with its call. */
  take({ stored, frames }: OpenEvents, give: (events: TakenEvents) => boolean): void {
    let { seq, count: left } = stored;
    let line = stored.skipped;
    for (const [index, { lines }] of stored.frames.entries()) {
      const frame = usable(frames[index] as OpenFrame, line) ?? decodedAnew(stored, index);
      skipTo(frame, line);
      const count = Math.min(left, lines - line);
      const events = takeEvents(frame.bytes, { head: stored.head, at: frame.at, seq, count });
      [frame.at, frame.line] = [events.end, line + count];
      if (frame.line === lines && frame.at !== frame.bytes.length) throw otherLines();
      frame.isKept = give(events) || frame.isKept;
      if (frame.line === lines) {
        this.#shared.delete(nameOf(stored, index));
        if (!frame.isKept) letGo(frame.bytes);
      }
      [seq, left, line] = [seq + count, left - count, 0];
    }
  }

  async #openFrame(stored: StoredEvents, index: number): Promise<OpenFrame> {
    if (!isShared(stored, index)) return this.#decoded(stored, index);
    const name = nameOf(stored, index);
    const known = this.#shared.get(name);
    if (known !== undefined) {
      const frame = usable(await known, index === 0 ? stored.skipped : 0);
      if (frame !== undefined) return frame;
    }
    const opening = this.#decoded(stored, index);
    this.#shared.delete(name);
    this.#shared.set(name, opening);
    for (const oldest of this.#shared.keys()) {
      if (this.#shared.size <= sharedMax) break;
      this.#shared.delete(oldest);
    }
    return opening;
  }

  async #decoded(stored: StoredEvents, index: number): Promise<OpenFrame> {
    return opened(await this.#decode(bytesIn(stored, index)));
  }
}

const opened = (bytes: Buffer): OpenFrame => ({ bytes, line: 0, at: 0, isKept: false });

/** Who wanted what lies behind was quicker. */
const decodedAnew = (stored: StoredEvents, index: number): OpenFrame =>
  opened(frameBytesOf(bytesIn(stored, index)));

/** Invariant 2. */
const usable = (frame: OpenFrame, line: number): OpenFrame | undefined =>
  frame.line <= line ? frame : undefined;

const nameOf = ({ segment, first }: StoredEvents, index: number): string =>
  `${segment} ${first + index}`;

/** Whether it has lines of the session, or of others, before or behind those that are wanted. */
function isShared({ frames, skipped, count }: StoredEvents, index: number): boolean {
  if (index === 0 && skipped > 0) return true;
  const isLast = index === frames.length - 1;
  return isLast && frames.reduce((sum, { lines }) => sum + lines, 0) > skipped + count;
}

function bytesIn({ frames, bytes, firstByte }: StoredEvents, index: number): Uint8Array {
  const frame = frames[index] as SegmentFrame;
  return bytes.subarray(frame.firstByte - firstByte, frame.endByte - firstByte);
}

/**
 * Frees the memory of a frame at once: what waits for the garbage collector outside the heap makes it come, and it
 * then marks all that the process keeps. A small frame shares its memory with others, and leaves it as it is.
 */
function letGo({ buffer, byteOffset, length }: Buffer): void {
  if (byteOffset === 0 && buffer.byteLength <= length + 1) (buffer as ArrayBuffer).transfer(0);
}

function skipTo(frame: OpenFrame, line: number): void {
  for (; frame.line < line; frame.line += 1) {
    frame.at = frame.bytes.indexOf(lineFeed, frame.at) + 1;
    if (frame.at === 0) throw otherLines();
  }
}

const otherLines = (): Problem => new Problem('corrupt', 'a frame has not the lines that it had');

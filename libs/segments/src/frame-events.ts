// Events out of the frames of a segment.
//
// (1) A frame that two runs share is decoded once, where the one that begins in it comes next: a session is read
//     run by run, and its frames end where they will.
// (2) What was taken of a frame stays as it was taken: later takings lie behind it.

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

interface OpenFrame {
  readonly segment: string;
  readonly number: number;
  readonly bytes: Buffer;
  /** The first that is not taken, and where it begins. */
  line: number;
  at: number;
}

const lineFeed = 0x0a;

export class FrameEvents {
  #last: OpenFrame | undefined;

  /** Gives them frame by frame, for as long as a call of `give` goes. */
  take(stored: StoredEvents, give: (events: TakenEvents) => void): void {
    let { seq, count: left } = stored;
    let line = stored.skipped;
    for (const [index, { lines }] of stored.frames.entries()) {
      const frame = this.#open(stored, index, line);
      skipTo(frame, line);
      const count = Math.min(left, lines - line);
      const events = takeEvents(frame.bytes, { head: stored.head, at: frame.at, seq, count });
      [frame.at, frame.line] = [events.end, line + count];
      if (frame.line === lines && frame.at !== frame.bytes.length) throw otherLines();
      give(events);
      if (frame.line < lines) this.#last = frame;
      else letGo(frame.bytes);
      [seq, left, line] = [seq + count, left - count, 0];
    }
  }

  #open(stored: StoredEvents, index: number, line: number): OpenFrame {
    const { segment, first, frames, bytes, firstByte } = stored;
    const last = this.#last;
    this.#last = undefined;
    const number = first + index;
    if (last?.segment === segment && last.number === number && last.line <= line) return last;
    const frame = frames[index] as SegmentFrame;
    const own = bytes.subarray(frame.firstByte - firstByte, frame.endByte - firstByte);
    return { segment, number, bytes: frameBytesOf(own), line: 0, at: 0 };
  }
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

import { assert, concatBytes } from '@tidemark/std';
import {
  encodeFooter,
  encodeFrame,
  type SegmentDirectory,
  type SegmentFrame,
  type SegmentSession,
} from './segment-format.ts';
import { type ArchivedEvent, type ArchivedSession, lineOf } from './segment-line.ts';

/** Lines of a frame of several sessions before they are compressed: one event costs the reading of one frame. */
const frameBytes = 64 * 1_024;
/**
 * Lines of a frame that are all of one session, which is read by pages of up to a mebibyte: fewer frames are decoded
 * quicker and are smaller.
 */
const longFrameBytes = 256 * 1_024;

type Range = Pick<SegmentDirectory, 'shard' | 'logEpoch' | 'firstOffset' | 'endOffset'>;

export interface WrittenSegment {
  readonly body: Uint8Array;
  readonly footerStart: number;
  readonly directory: SegmentDirectory;
  readonly events: number;
  /** Of its lines, before they were compressed. */
  readonly rawBytes: number;
}

/** Each with its line feed. */
export interface SessionLines {
  readonly key: string;
  readonly tag: string;
  readonly firstSeq: number;
  readonly lines: readonly Uint8Array[];
}

/** Sessions come in the order of their keys, their events in that of their seqs, in as many pieces as one likes. */
export class SegmentWriter {
  readonly #range: Range;
  readonly #stored: Uint8Array[] = [];
  readonly #frames: SegmentFrame[] = [];
  readonly #sessions: SegmentSession[] = [];
  #lines: Uint8Array[] = [];
  /** Whether the frame has lines of more than one session. */
  #isShared = false;
  #lineBytes = 0;
  #storedBytes = 0;
  #rawBytes = 0;
  #events = 0;

  constructor(range: Range) {
    this.#range = range;
  }

  add(session: ArchivedSession, events: readonly ArchivedEvent[]): void {
    const { key, stream } = session;
    const lines = events.map((event) => lineOf(session, event));
    this.addLines({ key, tag: stream.tag, firstSeq: events[0]?.seq ?? 0, lines });
  }

  addLines({ key, tag, firstSeq, lines }: SessionLines): void {
    if (lines.length === 0) return;
    const last = this.#sessions.at(-1);
    if (last?.key === key) {
      assert(firstSeq === last.firstSeq + last.count, 'what comes of a session is what is next');
      this.#sessions[this.#sessions.length - 1] = { ...last, count: last.count + lines.length };
    } else {
      if (this.#lineBytes >= frameBytes) this.#endFrame();
      const place = { frame: this.#frames.length, line: this.#lines.length };
      this.#isShared = place.line > 0;
      this.#sessions.push({ key, tag, firstSeq, count: lines.length, ...place });
    }
    for (const line of lines) this.#addLine(line);
    this.#events += lines.length;
  }

  #addLine(line: Uint8Array): void {
    this.#lines.push(line);
    this.#lineBytes += line.length;
    this.#rawBytes += line.length;
    if (this.#lineBytes >= (this.#isShared ? frameBytes : longFrameBytes)) this.#endFrame();
  }

  #endFrame(): void {
    if (this.#lines.length === 0) return;
    const stored = encodeFrame(concatBytes(this.#lines));
    const firstByte = this.#storedBytes;
    this.#storedBytes += stored.length;
    this.#stored.push(stored);
    this.#frames.push({ firstByte, endByte: this.#storedBytes, lines: this.#lines.length });
    this.#lines = [];
    this.#isShared = false;
    this.#lineBytes = 0;
  }

  finish(): WrittenSegment {
    this.#endFrame();
    const directory = { ...this.#range, frames: this.#frames, sessions: this.#sessions };
    return {
      body: concatBytes([...this.#stored, encodeFooter(directory)]),
      footerStart: this.#storedBytes,
      directory,
      events: this.#events,
      rawBytes: this.#rawBytes,
    };
  }
}

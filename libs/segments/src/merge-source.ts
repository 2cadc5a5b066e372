// A segment that is read for another in its place: session by session in its order, their lines a frame at a time,
// so that a merge holds one decoded frame of each source, however large they are.

import { Problem } from '@tidemark/protocol';
import { framesOf } from './frame-events.ts';
import {
  decodeFooter,
  linesOf,
  type SegmentDirectory,
  type SegmentFrame,
  type SegmentSession,
} from './segment-format.ts';

export class MergeSource {
  readonly name: string;
  readonly #body: Uint8Array;
  readonly #directory: SegmentDirectory;
  readonly #sessions: ReadonlyMap<string, SegmentSession>;
  #last: { readonly number: number; readonly lines: readonly Buffer[] } | undefined;

  /** Its whole object. */
  constructor(name: string, body: Uint8Array) {
    this.name = name;
    this.#body = body;
    this.#directory = decodeFooter(body);
    this.#sessions = new Map(this.#directory.sessions.map((session) => [session.key, session]));
  }

  get keys(): Iterable<string> {
    return this.#sessions.keys();
  }

  session(key: string): SegmentSession | undefined {
    return this.#sessions.get(key);
  }

  /** With their line feeds. Cheapest in the order of the sessions, which share frames. */
  *lines(session: SegmentSession): Generator<Uint8Array[]> {
    const { count } = session;
    const { first, frames, skipped } = framesOf(this.#directory, session, { skipped: 0, count });
    let [line, left] = [skipped, count];
    for (const [index, frame] of frames.entries()) {
      const taken = this.#linesOf(first + index, frame).slice(line, line + left);
      yield taken.map(withLineFeed);
      [line, left] = [0, left - taken.length];
    }
    if (left > 0) throw new Problem('corrupt', 'a footer tells of lines that are not there');
  }

  #linesOf(number: number, { firstByte, endByte, lines: count }: SegmentFrame): readonly Buffer[] {
    if (this.#last?.number === number) return this.#last.lines;
    const lines = linesOf(this.#body.subarray(firstByte, endByte), count);
    this.#last = { number, lines };
    return lines;
  }
}

/** It stands behind the line in the frame. */
const withLineFeed = (line: Uint8Array): Uint8Array =>
  new Uint8Array(line.buffer, line.byteOffset, line.length + 1);

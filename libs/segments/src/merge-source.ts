// A segment that is read for another in its place: session by session in its order, their lines a frame at a time,
// so that a merge holds one decoded frame of each source, however large they are.

import { Problem } from '@tidemark/protocol';
import {
  decodeFooter,
  linesOf,
  type SegmentDirectory,
  type SegmentSession,
} from './segment-format.ts';

export class MergeSource {
  readonly name: string;
  readonly #body: Uint8Array;
  readonly #directory: SegmentDirectory;
  readonly #sessions: ReadonlyMap<string, SegmentSession>;
  #last: { readonly frame: number; readonly lines: readonly Buffer[] } | undefined;

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
  *lines({ frame: first, line: firstLine, count }: SegmentSession): Generator<Uint8Array[]> {
    let [frame, line, left] = [first, firstLine, count];
    while (left > 0) {
      const taken = this.#linesOf(frame).slice(line, line + left);
      if (taken.length === 0)
        throw new Problem('corrupt', 'a footer tells of lines that are not there');
      yield taken.map(withLineFeed);
      [frame, line, left] = [frame + 1, 0, left - taken.length];
    }
  }

  #linesOf(frame: number): readonly Buffer[] {
    if (this.#last?.frame === frame) return this.#last.lines;
    const place = this.#directory.frames[frame];
    if (place === undefined)
      throw new Problem('corrupt', 'a footer names a frame that is not there');
    const stored = this.#body.subarray(place.firstByte, place.endByte);
    const lines = linesOf(stored, place.lines);
    this.#last = { frame, lines };
    return lines;
  }
}

/** It stands behind the line in the frame. */
const withLineFeed = (line: Uint8Array): Uint8Array =>
  new Uint8Array(line.buffer, line.byteOffset, line.length + 1);

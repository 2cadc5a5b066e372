// The frames of all who follow by server-sent events. What many want at once is made once, as one
// buffer for all of their sockets; what is too large for that is made slice by slice for each.

import { chunkOf } from '@tidemark/edge';
import {
  type FollowCursor,
  type Piece,
  type PieceBounds,
  type ReadyPiece,
  readyPiece,
  SharedPieces,
} from '@tidemark/replica';
import type { StreamState } from '@tidemark/session';
import { assert } from '@tidemark/std';
import { liveCursor } from './live-cursor.ts';
import { frameParts, sliceBytesMax, slicesOf } from './sse-frame.ts';

/** A frame for any socket, as one chunk; or for one, in slices of what is kept for it meanwhile. */
export type Frame =
  | { readonly kind: 'whole'; readonly chunk: Buffer }
  | {
      readonly kind: 'sliced';
      readonly slices: Iterator<readonly Uint8Array[]>;
      readonly kept: readonly Uint8Array[];
    };

export type ReadyFrame = ReadyPiece<Frame>;

/** So much that a frame of it is a slice, in base64 too, unless one event is larger. */
const pieceBounds: PieceBounds = {
  bytesMax: (sliceBytesMax / 3) * 2,
  eventsMax: Number.MAX_SAFE_INTEGER,
};

const sharedBounds = { countMax: 256, bytesMax: 16 * 1_024 * 1_024 };

interface FramesParts {
  readonly nowMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class SseFrames {
  readonly #parts: FramesParts;
  readonly #shared = new SharedPieces<Frame>(sharedBounds);

  constructor(parts: FramesParts) {
    this.#parts = parts;
  }

  /** What the frames that are shared take. */
  get bytes(): number {
    return this.#shared.bytes;
  }

  liveCursor(seen: string | undefined): string {
    const { nowMs, random } = this.#parts;
    return liveCursor(nowMs(), random, seen);
  }

  /** The frame where the cursor stands; undefined where its bodies have to be fetched. */
  hot(cursor: FollowCursor, seenCursor: string | undefined): ReadyFrame | undefined {
    const text = this.liveCursor(seenCursor);
    // The frame tells its clients a cursor: those who would be told another have one of their own.
    const known = cursor.hasCompany ? this.#shared.at(cursor, text) : undefined;
    if (known !== undefined) return known;
    const piece = cursor.hot(pieceBounds);
    if (piece === undefined) return undefined;
    const frame = this.#frameOf(cursor, piece, text);
    if (cursor.hasCompany && frame.encoded.kind === 'whole') this.#shared.add(frame, text);
    return frame;
  }

  /** As `hot`, wherever the bodies are; undefined where nothing comes any more. */
  async fetch(
    cursor: FollowCursor,
    seenCursor: string | undefined,
  ): Promise<ReadyFrame | undefined> {
    const piece = await cursor.fetch(pieceBounds);
    return piece && this.#frameOf(cursor, piece, this.liveCursor(seenCursor));
  }

  #frameOf(cursor: FollowCursor, piece: Piece, text: string): ReadyFrame {
    const { stream } = cursor;
    assert(stream !== undefined, 'a piece is of a stream that is there');
    return readyPiece(piece, stream, (upToDate) => {
      const encoded = encode(stream, piece, { cursor: text, upToDate });
      return { encoded, encodedBytes: encoded.kind === 'whole' ? encoded.chunk.length : 0 };
    });
  }
}

function encode(...[stream, piece, control]: FrameArguments): Frame {
  const slices = slicesOf(frameParts(stream, piece, control));
  const first = slices.next();
  const second = slices.next();
  assert(first.done !== true, 'a frame has something in it');
  if (second.done === true) return { kind: 'whole', chunk: chunkOf(Buffer.concat(first.value)) };
  return {
    kind: 'sliced',
    slices: behind([first.value, second.value], slices),
    kept: piece.bodies,
  };
}

type FrameArguments = [
  stream: StreamState,
  piece: Piece,
  control: Parameters<typeof frameParts>[2],
];

function* behind<T>(first: readonly T[], rest: Iterable<T>): Generator<T> {
  yield* first;
  yield* rest;
}

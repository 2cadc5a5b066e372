// The frames of all who follow by server-sent events, in one encoding of theirs. What many want at once
// is made once, as one buffer for all of their sockets; what is too large for that is made slice by
// slice for each.

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
import { sliceBytesMax, slicesOf } from './sse-frame.ts';

/** A frame for any socket, as one chunk; or for one, in slices of what is kept for it meanwhile. */
export type Frame =
  | { readonly kind: 'whole'; readonly chunk: Buffer }
  | {
      readonly kind: 'sliced';
      readonly slices: Iterator<readonly Uint8Array[]>;
      readonly kept: readonly Uint8Array[];
    };

export type ReadyFrame = ReadyPiece<Frame>;

/** The parts of a piece's frame. It tells each follower of a variant the same. */
export type FrameMaker = (
  stream: StreamState,
  piece: Piece,
  told: { readonly variant: string; readonly upToDate: boolean },
) => Iterable<Uint8Array>;

/** So much that a frame of it is a slice, in base64 too, unless one event is larger. */
const pieceBounds: PieceBounds = {
  bytesMax: (sliceBytesMax / 3) * 2,
  eventsMax: Number.MAX_SAFE_INTEGER,
};

const sharedBounds = { countMax: 256, bytesMax: 16 * 1_024 * 1_024 };

export class SharedFrames {
  readonly #make: FrameMaker;
  readonly #shared = new SharedPieces<Frame>(sharedBounds);

  constructor(make: FrameMaker) {
    this.#make = make;
  }

  /** What the frames that are shared take. */
  get bytes(): number {
    return this.#shared.bytes;
  }

  /** The frame where the cursor stands; undefined where its bodies have to be fetched. */
  hot(cursor: FollowCursor, variant: string): ReadyFrame | undefined {
    const known = cursor.hasCompany ? this.#shared.at(cursor, variant) : undefined;
    if (known !== undefined) return known;
    const piece = cursor.hot(pieceBounds);
    if (piece === undefined) return undefined;
    const frame = this.#frameOf(cursor, piece, variant);
    if (cursor.hasCompany && frame.encoded.kind === 'whole') this.#shared.add(frame, variant);
    return frame;
  }

  /** As `hot`, wherever the bodies are; undefined where nothing comes any more. */
  async fetch(cursor: FollowCursor, variant: string): Promise<ReadyFrame | undefined> {
    const piece = await cursor.fetch(pieceBounds);
    return piece && this.#frameOf(cursor, piece, variant);
  }

  #frameOf(cursor: FollowCursor, piece: Piece, variant: string): ReadyFrame {
    const { stream } = cursor;
    assert(stream !== undefined, 'a piece is of a stream that is there');
    return readyPiece(piece, stream, (upToDate) => {
      const encoded = encode(this.#make(stream, piece, { variant, upToDate }), piece.bodies);
      return { encoded, encodedBytes: encoded.kind === 'whole' ? encoded.chunk.length : 0 };
    });
  }
}

function encode(parts: Iterable<Uint8Array>, kept: readonly Uint8Array[]): Frame {
  const slices = slicesOf(parts);
  const first = slices.next();
  const second = slices.next();
  assert(first.done !== true, 'a frame has something in it');
  if (second.done === true) return { kind: 'whole', chunk: chunkOf(Buffer.concat(first.value)) };
  return { kind: 'sliced', slices: behind([first.value, second.value], slices), kept };
}

function* behind<T>(first: readonly T[], rest: Iterable<T>): Generator<T> {
  yield* first;
  yield* rest;
}

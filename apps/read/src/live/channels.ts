// Channels of the live socket. A channel is the process's: all who follow one incarnation of a session by
// one filter have the same number, so that a frame is made once and written to each.
//
// Whoever is shown a share has no channel with anybody who is shown another, or all.
//
//   ev := {"type":"ev","ch":N,"cursor":"…","events":[…]}

import { type TextFrame, textFrame } from '@tidemark/edge';
import { jsonTypeOf } from '@tidemark/protocol';
import {
  type FollowCursor,
  type Piece,
  type PieceBounds,
  type ReadyPiece,
  readyPiece,
  SharedPieces,
} from '@tidemark/replica';
import { cursorAt } from '@tidemark/session';
import { assert, bytesOf } from '@tidemark/std';
import { type Audience, tellerOf, variantOf } from '../audience.ts';

const pieceBounds: PieceBounds = { bytesMax: 128 * 1_024, eventsMax: 1_000 };
const sharedBounds = { countMax: 256, bytesMax: 16 * 1_024 * 1_024 };

/** Undefined where the filter lets nothing of the piece through. */
export type ReadyEvents = ReadyPiece<TextFrame | undefined>;

/** What is followed, and how much of it is told. */
export interface Followed extends Audience {
  readonly incarnation: string;
}

export class Channel {
  readonly number: number;
  readonly #types: ReadonlySet<string>;
  readonly #tell: ReturnType<typeof tellerOf>;
  readonly #shared: SharedPieces<TextFrame | undefined>;
  readonly #variant: string;
  holders = 0;

  constructor(
    number: number,
    { types, share }: Followed,
    shared: SharedPieces<TextFrame | undefined>,
  ) {
    this.number = number;
    this.#types = new Set(types);
    this.#tell = tellerOf(share);
    this.#shared = shared;
    this.#variant = String(number);
  }

  /** Undefined where the bodies have to be fetched. */
  hot(cursor: FollowCursor): ReadyEvents | undefined {
    const known = cursor.hasCompany ? this.#shared.at(cursor, this.#variant) : undefined;
    if (known !== undefined) return known;
    const piece = cursor.hot(pieceBounds);
    if (piece === undefined) return undefined;
    const frame = this.#frameOf(cursor, piece);
    if (cursor.hasCompany) this.#shared.add(frame, this.#variant);
    return frame;
  }

  /** As `hot`, wherever the bodies are; undefined where nothing comes any more. */
  async fetch(cursor: FollowCursor): Promise<ReadyEvents | undefined> {
    const piece = await cursor.fetch(pieceBounds);
    return piece && cursor.stream && this.#frameOf(cursor, piece);
  }

  #frameOf(cursor: FollowCursor, piece: Piece): ReadyEvents {
    const { stream } = cursor;
    assert(stream !== undefined, 'a piece is of a stream that is there');
    return readyPiece(piece, stream, () => {
      const told = piece
        .split()
        .map((body, index) => this.#tell(stream, piece.position + index, body))
        .filter((body) => this.#types.size === 0 || this.#types.has(jsonTypeOf(body) ?? ''));
      if (told.length === 0) return { encoded: undefined, encodedBytes: 0 };
      const cursorText = cursorAt(stream, piece.endPosition);
      const head = `{"type":"ev","ch":${this.number},"cursor":"${cursorText}","events":[`;
      const encoded = textFrame([bytesOf(head), ...joined(told), bytesOf(']}')]);
      return { encoded, encodedBytes: encoded.bytes.length };
    });
  }
}

const comma = bytesOf(',');
const joined = (bodies: readonly Uint8Array[]): readonly Uint8Array[] =>
  bodies.flatMap((body, index) => (index === 0 ? [body] : [comma, body]));

export class Channels {
  readonly #shared = new SharedPieces<TextFrame | undefined>(sharedBounds);
  readonly #byName = new Map<string, Channel>();
  #last = 0;

  get bytes(): number {
    return this.#shared.bytes;
  }

  /** A number that no other channel has, for what is not a session. */
  newNumber(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Held until it is let go. */
  hold(followed: Followed): Channel {
    const name = nameOf(followed);
    const known = this.#byName.get(name) ?? new Channel(this.newNumber(), followed, this.#shared);
    this.#byName.set(name, known);
    known.holders += 1;
    return known;
  }

  letGo(channel: Channel, followed: Followed): void {
    channel.holders -= 1;
    if (channel.holders === 0) this.#byName.delete(nameOf(followed));
  }
}

const nameOf = (followed: Followed): string => `${followed.incarnation} ${variantOf(followed)}`;

// Pieces as they are sent, made once for all who stand at the same place.
//
// (1) A place is one of an incarnation: nothing is given to a follower of another. What is sent there
//     differs by variant: its encoding, or what its followers want to see.
// (2) What is given is what would be made now: it goes as far, and says the same of the end.
// (3) It holds so many pieces and bytes, of several places of several sessions; those that were used
//     least lately go first.

import type { FollowCursor, PieceSpan } from './follow-cursor.ts';

/** A piece made ready, with what it says of the end. */
export interface ReadyPiece<T> extends PieceSpan {
  readonly isUpToDate: boolean;
  readonly isFinal: boolean;
  readonly encoded: T;
  readonly encodedBytes: number;
}

export interface SharedBounds {
  readonly countMax: number;
  readonly bytesMax: number;
}

export class SharedPieces<T> {
  readonly #bounds: SharedBounds;
  readonly #pieces = new Map<string, ReadyPiece<T>>();
  #bytes = 0;

  constructor(bounds: SharedBounds) {
    this.#bounds = bounds;
  }

  get bytes(): number {
    return this.#bytes;
  }

  keyOf({ incarnation, position }: Pick<PieceSpan, 'incarnation' | 'position'>): string {
    return `${incarnation} ${position}`;
  }

  /** For whoever stands there now. */
  at(cursor: FollowCursor, variant: string): ReadyPiece<T> | undefined {
    const key = `${this.keyOf(cursor)} ${variant}`;
    const piece = this.#pieces.get(key);
    if (piece === undefined) return undefined;
    this.#forget(key, piece);
    const { stream } = cursor;
    const isAtEnd = piece.endPosition === stream?.tailPosition;
    const isFresh = isAtEnd
      ? piece.isUpToDate && piece.isFinal === stream.isClosed
      : !piece.isUpToDate;
    if (!isFresh) return undefined;
    this.#keep(key, piece);
    return piece;
  }

  add(piece: ReadyPiece<T>, variant: string): void {
    const key = `${this.keyOf(piece)} ${variant}`;
    const known = this.#pieces.get(key);
    if (known !== undefined) this.#forget(key, known);
    this.#keep(key, piece);
    const { countMax, bytesMax } = this.#bounds;
    for (const [oldest, { encodedBytes }] of this.#pieces) {
      if (this.#pieces.size <= countMax && this.#bytes <= bytesMax) return;
      this.#pieces.delete(oldest);
      this.#bytes -= encodedBytes;
    }
  }

  #keep(key: string, piece: ReadyPiece<T>): void {
    this.#pieces.set(key, piece);
    this.#bytes += piece.encodedBytes;
  }

  #forget(key: string, { encodedBytes }: ReadyPiece<T>): void {
    this.#pieces.delete(key);
    this.#bytes -= encodedBytes;
  }
}

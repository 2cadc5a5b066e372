// Pieces as they are sent, made once for all who stand at the same place.
//
// (1) A place is one of an incarnation: nothing is given to a follower of another. What is sent there
//     differs by variant: its encoding, or what its followers want to see.
// (2) What is given is what would be made now: it goes as far, and says the same of the end.
// (3) It holds so many pieces and bytes, of several places of several sessions; those that were used
//     least lately go first.

import type { StreamState } from '@tidemark/session';
import { RecentMap } from '@tidemark/std';
import type { FollowCursor, PieceSpan } from './follow-cursor.ts';

/** A piece made ready, with what it says of the end. */
export interface ReadyPiece<T> extends PieceSpan {
  /** Of what its session keeps: another one may not tell this any more. */
  readonly keeping: number;
  readonly isUpToDate: boolean;
  readonly isFinal: boolean;
  readonly encoded: T;
  readonly encodedBytes: number;
}

/** The piece, made ready on its stream as it is now. */
export function readyPiece<T>(
  { incarnation, position, endPosition, endSeq }: PieceSpan,
  stream: StreamState,
  make: (isUpToDate: boolean) => Pick<ReadyPiece<T>, 'encoded' | 'encodedBytes'>,
): ReadyPiece<T> {
  const isUpToDate = endPosition === stream.tailPosition;
  const isFinal = isUpToDate && stream.isClosed;
  const { encoded, encodedBytes } = make(isUpToDate);
  const span = { incarnation, position, endPosition, endSeq };
  const keeping = stream.aspects.keeping.version;
  return { ...span, keeping, isUpToDate, isFinal, encoded, encodedBytes };
}

export interface SharedBounds {
  readonly countMax: number;
  readonly bytesMax: number;
}

export class SharedPieces<T> {
  readonly #bounds: SharedBounds;
  readonly #pieces = new RecentMap<string, ReadyPiece<T>>();
  /** Given last: those who stand together come one behind the other. */
  #last: { readonly piece: ReadyPiece<T>; readonly variant: string } | undefined;
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
    const last = this.#last;
    const isLast = last?.variant === variant && isOf(cursor, last.piece);
    const piece = isLast ? last.piece : this.#find(cursor, variant);
    return piece !== undefined && isFresh(cursor, piece) ? piece : undefined;
  }

  #find(cursor: FollowCursor, variant: string): ReadyPiece<T> | undefined {
    const key = `${this.keyOf(cursor)} ${variant}`;
    const piece = this.#pieces.use(key);
    if (piece === undefined) return undefined;
    this.#last = { piece, variant };
    return piece;
  }

  /** In the place of what was there, if anything was. */
  add(piece: ReadyPiece<T>, variant: string): void {
    const key = `${this.keyOf(piece)} ${variant}`;
    this.#forget(key);
    this.#pieces.set(key, piece);
    this.#bytes += piece.encodedBytes;
    this.#last = { piece, variant };
    const { countMax, bytesMax } = this.#bounds;
    for (const [oldest] of this.#pieces.entries()) {
      if (this.#pieces.size <= countMax && this.#bytes <= bytesMax) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const piece = this.#pieces.get(key);
    if (piece === undefined) return;
    this.#pieces.delete(key);
    this.#bytes -= piece.encodedBytes;
    if (this.#last?.piece === piece) this.#last = undefined;
  }
}

const isOf = (cursor: FollowCursor, { incarnation, position }: PieceSpan): boolean =>
  cursor.position === position && cursor.incarnation === incarnation;

/** Whether what would be made there now goes as far, and says the same of the end. */
function isFresh({ stream }: FollowCursor, piece: ReadyPiece<unknown>): boolean {
  if (piece.keeping !== stream?.aspects.keeping.version) return false;
  if (piece.endPosition !== stream?.tailPosition) return !piece.isUpToDate;
  return piece.isUpToDate && piece.isFinal === stream.isClosed;
}

// A place in one incarnation of a session, from which somebody follows it, by whatever transport.
//
// (1) It follows one incarnation: a session that was deleted is gone for it, also where another of the
//     same name stands at the same place.
// (2) What is taken continues what was taken before: it begins where the cursor stands, and is of the
//     incarnation that it follows.
// (3) From its first moment until it is over its session is held, and its shard's log is read; it is
//     over once, in whatever order that meets what else happens.
// (4) Until it is over it is told of every step that changed its session, and that its shard or its
//     process stops. Several may be told as one, and once too often is harmless: `standing` is looked
//     at, and is always of what is folded now.
// (5) One piece is fetched at a time. It is given only where it could still be taken.
// (6) One that is followed up to an end is closed there: nothing behind it is given, or told of.
//
// ready -> tail, closed           take       (the last of what there is)
// tail -> ready                              (an append is folded)
// tail -> closed                             (a close is folded)
// ready, tail, closed -> gone                (it is deleted, or its time is over)
// any but over -> stopped         stop       (its process stops, or its shard)
// any -> over                     end

import type { StreamState } from '@tidemark/session';
import { assert } from '@tidemark/std';
import type { FoldedSession } from './folded-session.ts';
import type { EventRange, LocatedSession, ReadBounds, SessionReader } from './session-reader.ts';

/**
 * `ready`: there is more to take. `tail`: nothing yet. `closed`: nothing any more. `gone`: the
 * incarnation is. `stopped`: nothing is told here any longer. `over`: the follower left.
 */
export type Standing = 'ready' | 'tail' | 'closed' | 'gone' | 'stopped' | 'over';

export interface FollowedPlace extends LocatedSession {
  readonly incarnation: string;
  readonly position: number;
  /** Where it is followed up to, of a session whose positions are its seqs; without, as far as it goes. */
  readonly endPosition?: number;
}

/** From where to where a piece goes, and in what. */
export interface PieceSpan {
  readonly incarnation: string;
  readonly position: number;
  readonly endPosition: number;
  readonly endSeq: number;
}

export interface Piece extends PieceSpan, EventRange {}

/** How much a piece may hold: one event at least. */
export type PieceBounds = Omit<ReadBounds, 'position'>;

export interface CursorParts {
  readonly reader: SessionReader;
  readonly onMoved: () => void;
  /** Whether somebody else follows the session. */
  readonly hasCompany: () => boolean;
  readonly letGo: (cursor: FollowCursor) => void;
}

/** The stream of a session, while it is of an incarnation and lives. */
export function streamOf({ state }: FoldedSession, incarnation: string): StreamState | undefined {
  const { life, stream } = state;
  return life === 'live' && stream?.incarnation === incarnation ? stream : undefined;
}

export class FollowCursor {
  readonly incarnation: string;
  readonly #parts: CursorParts;
  readonly #source: LocatedSession;
  readonly #endPosition: number;
  #position: number;
  #isFetching = false;
  #isStopped = false;
  #isOver = false;

  constructor(place: FollowedPlace, parts: CursorParts) {
    const { replica, session, incarnation, position } = place;
    const { endPosition = Number.POSITIVE_INFINITY } = place;
    this.incarnation = incarnation;
    this.#endPosition = endPosition;
    this.#source = { replica, session };
    this.#position = position;
    this.#parts = parts;
  }

  get position(): number {
    return this.#position;
  }

  get stream(): StreamState | undefined {
    return streamOf(this.#source.session, this.incarnation);
  }

  get hasCompany(): boolean {
    return this.#parts.hasCompany();
  }

  get standing(): Standing {
    if (this.#isOver) return 'over';
    if (this.#isStopped || this.#source.replica.stopped !== undefined) return 'stopped';
    const { stream } = this;
    if (stream === undefined) return 'gone';
    // While a replica folds its log again, a tail may lie before what the follower has of it.
    if (!this.#source.replica.isServing) return 'tail';
    assert(this.#position <= stream.tailPosition, 'nobody follows from behind the tail');
    if (this.#position >= this.#endPosition) return 'closed';
    if (this.#position < stream.tailPosition) return 'ready';
    return stream.isClosed ? 'closed' : 'tail';
  }

  /** What comes next, where its bodies are in memory and the session's own. */
  hot(bounds: PieceBounds): Piece | undefined {
    assert(this.standing === 'ready', 'there is something to take');
    const position = this.#position;
    const range = this.#parts.reader.readHot(this.#source.session, this.#within(bounds));
    return range && this.#pieceOf(range, position);
  }

  /** What comes next, wherever it lies; undefined where nothing comes any more. */
  async fetch(bounds: PieceBounds): Promise<Piece | undefined> {
    assert(!this.#isFetching && this.standing === 'ready', 'one fetch at a time');
    this.#isFetching = true;
    const position = this.#position;
    try {
      const range = await this.#parts.reader.read(this.#source, this.#within(bounds));
      return this.standing === 'ready' ? this.#pieceOf(range, position) : undefined;
    } catch (cause) {
      // Of what has gone meanwhile, nobody has to know why it could not be read.
      if (this.standing === 'ready') throw cause;
      return undefined;
    } finally {
      this.#isFetching = false;
    }
  }

  #within({ bytesMax, eventsMax }: PieceBounds): ReadBounds {
    const position = this.#position;
    return { position, bytesMax, eventsMax: Math.min(eventsMax, this.#endPosition - position) };
  }

  #pieceOf(range: EventRange, position: number): Piece {
    assert(range.endPosition > position, 'where there is more, a piece has some of it');
    return { ...range, incarnation: this.incarnation, position };
  }

  /** The follower has it: what comes next is behind it. */
  take({ incarnation, position, endPosition }: PieceSpan): void {
    assert(incarnation === this.incarnation, 'a follower is given its own incarnation');
    assert(position === this.#position, 'a piece begins where its follower stands');
    assert(endPosition <= this.#endPosition, 'nothing is taken from behind the end');
    this.#position = endPosition;
  }

  tell(): void {
    if (!this.#isOver) this.#parts.onMoved();
  }

  stop(): void {
    this.#isStopped = true;
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.letGo(this);
  }
}

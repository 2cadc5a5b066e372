// All who follow sessions in this process, and their order.
//
// (1) A session is held, and its shard's log is read, exactly while somebody follows it: once for all.
// (2) Followers are told behind the turn in which something was folded, and once for all of that turn:
//     acknowledgements go first.
// (3) They are told in slices; between two of them the process does what else there is to do.
// (4) Sessions take turns within a slice: one with very many followers keeps no other waiting.

import { Queue } from '@tidemark/std';
import type { FoldedSession } from './folded-session.ts';
import { FollowCursor, type FollowedPlace } from './follow-cursor.ts';
import type { SessionReader } from './session-reader.ts';
import type { ShardReplica } from './shard-replica.ts';

/** Of followers: a few milliseconds of writes to sockets. */
const sliceMax = 256;
/** Of those, of one session before it is another's turn. */
const turnMax = 64;

/** Those who follow one session. */
class Group {
  readonly cursors = new Set<FollowCursor>();
  readonly letGo: () => void;
  isWoken = false;
  /** Something was folded after the first of those who are being told was told. */
  #isMoved = false;
  #untold: Iterator<FollowCursor> | undefined;

  constructor(hold: (group: Group) => () => void) {
    this.letGo = hold(this);
  }

  moved(): void {
    this.#isMoved = true;
  }

  /** Tells some of those who are to be told; how many. Fewer than asked for: all of them are. */
  tell(count: number): number {
    for (let told = 0; told < count; told += 1) {
      const cursor = this.#next();
      if (cursor === undefined) return told;
      cursor.tell();
    }
    return count;
  }

  #next(): FollowCursor | undefined {
    const next = this.#untold?.next();
    if (next?.done === false) return next.value;
    this.#untold = undefined;
    if (!this.#isMoved) return undefined;
    this.#isMoved = false;
    this.#untold = this.cursors.values();
    return this.#next();
  }
}

export class Followers {
  readonly #reader: SessionReader;
  readonly #defer: (run: () => void) => void;
  readonly #groups = new Map<FoldedSession, Group>();
  readonly #woken = new Queue<Group>();
  #count = 0;
  #isTelling = false;
  #isClosed = false;

  /** `defer` runs something behind whatever is to be done now. */
  constructor(reader: SessionReader, defer: (run: () => void) => void) {
    this.#reader = reader;
    this.#defer = defer;
  }

  get count(): number {
    return this.#count;
  }

  /** The caller holds the session. Where it is gone already, the cursor stands so. */
  follow(place: FollowedPlace, onMoved: () => void): FollowCursor {
    const { session } = place;
    const group = this.#groups.get(session) ?? this.#open(place.replica, session);
    const cursor = new FollowCursor(place, {
      reader: this.#reader,
      onMoved,
      hasCompany: () => group.cursors.size > 1,
      letGo: (over) => this.#leave(session, group, over),
    });
    group.cursors.add(cursor);
    this.#count += 1;
    if (this.#isClosed) cursor.stop();
    return cursor;
  }

  #open(replica: ShardReplica, session: FoldedSession): Group {
    const group = new Group((opened) => {
      const unfollow = replica.follow(session, () => this.#wake(opened));
      const unretain = replica.retain();
      return () => {
        unfollow();
        unretain();
      };
    });
    this.#groups.set(session, group);
    return group;
  }

  #leave(session: FoldedSession, group: Group, cursor: FollowCursor): void {
    group.cursors.delete(cursor);
    this.#count -= 1;
    if (group.cursors.size > 0) return;
    this.#groups.delete(session);
    group.letGo();
  }

  #wake(group: Group): void {
    group.moved();
    if (group.isWoken) return;
    group.isWoken = true;
    this.#woken.push(group);
    this.#tellSoon();
  }

  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#defer(() => {
      this.#isTelling = false;
      this.#tellSome();
    });
  }

  #tellSome(): void {
    let left = sliceMax;
    while (left > 0) {
      const group = this.#woken.shift();
      if (group === undefined) return;
      const most = Math.min(left, turnMax);
      const told = group.tell(most);
      left -= told;
      if (told === most) this.#woken.push(group);
      else group.isWoken = false;
    }
    if (this.#woken.size > 0) this.#tellSoon();
  }

  /** The process stops: all are told, and whoever comes finds it so. */
  close(): void {
    this.#isClosed = true;
    for (const { cursors } of this.#groups.values()) {
      for (const cursor of cursors) {
        cursor.stop();
        cursor.tell();
      }
    }
  }
}

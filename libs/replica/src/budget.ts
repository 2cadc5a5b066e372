// One budget of bytes for what a process keeps of sessions: their states, where their events are, and
// the bodies of those events.
//
// (1) A body can always go: it is in the log, or in a segment.
// (2) A session can go only while it is idle: published as it is, and used by nobody.
// (3) Bodies give way down to half of the budget; below that, sessions that nobody has used for
//     longest go with theirs.
// (4) What cannot go is counted all the same: `isOver` tells publishers to hurry and writers to wait.

import { type Place, Recency } from '@tidemark/std';

/** Events whose bodies may be in memory. */
export interface Bodies {
  readonly page: { readonly costBytes: number } | undefined;
}

/** Whose bodies have to go. */
export interface BodiesOwner<B extends Bodies = Bodies> {
  cool(bodies: B): void;
}

/** What is kept of a session beside its bodies. */
export interface Session {
  readonly chargedBytes: number;
  /** The budget's own. */
  idle: Place<IdleSession> | undefined;
}

/** Who holds a session that has to go. */
export interface SessionOwner<S extends Session = Session> {
  evict(session: S): void;
}

interface IdleSession {
  readonly session: Session;
  readonly bytes: number;
  readonly owner: SessionOwner;
}

interface ChargedRun {
  readonly run: Bodies;
  bytes: number;
  readonly owner: BodiesOwner;
}

export class Budget {
  readonly bytesMax: number;
  #bodyBytes = 0;
  #sessionBytes = 0;
  /** Runs with bodies in memory, and what each was charged. */
  readonly #places = new Map<Bodies, Place<ChargedRun>>();
  readonly #runs = new Recency<ChargedRun>();
  readonly #idle = new Recency<IdleSession>();
  #idleBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  get sessionBytes(): number {
    return this.#sessionBytes;
  }

  /** Of sessions that cannot go now: publishers hurry by it. */
  get busyBytes(): number {
    return this.#sessionBytes - this.#idleBytes;
  }

  get usedBytes(): number {
    return this.#bodyBytes + this.#sessionBytes;
  }

  /** Sessions that cannot go take more than there is. */
  get isOver(): boolean {
    return this.#sessionBytes > this.bytesMax && this.#idle.size === 0;
  }

  /** The run's bodies now take so much; others give way. */
  chargeBodies<B extends Bodies>(run: B, owner: BodiesOwner<B>): void {
    const bytes = run.page?.costBytes ?? 0;
    const known = this.#places.get(run)?.value;
    this.#bodyBytes += bytes - (known?.bytes ?? 0);
    if (known === undefined) this.#places.set(run, this.#runs.add({ run, bytes, owner }));
    else known.bytes = bytes;
    this.#makeRoom(run);
  }

  /** Bodies that are read go last. */
  touchBodies(run: Bodies): void {
    const place = this.#places.get(run);
    if (place !== undefined) this.#runs.renew(place);
  }

  /** Bodies that nobody needs any more make room. */
  releaseBodies(run: Bodies): void {
    const place = this.#places.get(run);
    if (place === undefined) return;
    this.#places.delete(run);
    this.#runs.remove(place);
    this.#bodyBytes -= place.value.bytes;
  }

  /** By how much what is kept of a session beside its bodies has grown, or shrunk. */
  chargeSession(bytes: number): void {
    this.#sessionBytes += bytes;
    if (bytes > 0) this.#makeRoom(undefined);
  }

  /** Nobody uses it, and it is published: it may go, after all that have been idle for longer. */
  setIdle<S extends Session>(session: S, owner: SessionOwner<S>): void {
    this.#leave(session);
    const bytes = session.chargedBytes;
    session.idle = this.#idle.add({ session, bytes, owner });
    this.#idleBytes += bytes;
  }

  setBusy(session: Session): void {
    this.#leave(session);
  }

  #leave(session: Session): void {
    if (session.idle === undefined) return;
    this.#idle.remove(session.idle);
    this.#idleBytes -= session.idle.value.bytes;
    session.idle = undefined;
  }

  #makeRoom(spared: Bodies | undefined): void {
    while (this.usedBytes > this.bytesMax) {
      const isForBodies = this.#bodyBytes > this.bytesMax / 2 || this.#idle.size === 0;
      if (isForBodies && this.#coolOldest(spared)) continue;
      const { oldest } = this.#idle;
      if (oldest === undefined) return;
      this.#leave(oldest.session);
      oldest.owner.evict(oldest.session);
    }
  }

  #coolOldest(spared: Bodies | undefined): boolean {
    for (const { run, owner } of this.#runs) {
      if (run === spared) continue;
      this.releaseBodies(run);
      owner.cool(run);
      return true;
    }
    return false;
  }
}

// One budget of bytes for what a process keeps of sessions: their states, where their events are, and
// the bodies of those events.
//
// (1) A body can always go: it is in the log, or in a segment.
// (2) A session can go only while it is idle: published as it is, and used by nobody.
// (3) Bodies give way down to half of the budget; below that, sessions that nobody has used for
//     longest go with theirs.
// (4) What cannot go is counted all the same: `isOver` tells publishers to hurry and writers to wait.

/** Events whose bodies may be in memory. */
export interface Bodies {
  readonly page: { readonly costBytes: number } | undefined;
}

/** Whose bodies have to go. */
export interface BodiesOwner<B extends Bodies = Bodies> {
  cool(bodies: B): void;
}

/** Who holds a session that has to go. */
export interface SessionOwner<S extends object = object> {
  evict(session: S): void;
}

export class Budget {
  readonly bytesMax: number;
  #bodyBytes = 0;
  #sessionBytes = 0;
  /** Runs with bodies in memory, the least recently used first, and what each was charged. */
  readonly #runs = new Map<Bodies, { bytes: number; readonly owner: BodiesOwner }>();
  readonly #idle = new Map<object, { readonly bytes: number; readonly owner: SessionOwner }>();
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
    const known = this.#runs.get(run);
    this.#bodyBytes += bytes - (known?.bytes ?? 0);
    if (known === undefined) this.#runs.set(run, { bytes, owner });
    else known.bytes = bytes;
    this.#makeRoom(run);
  }

  /** Bodies that are read go last. */
  touchBodies(run: Bodies): void {
    const known = this.#runs.get(run);
    if (known === undefined) return;
    this.#runs.delete(run);
    this.#runs.set(run, known);
  }

  /** Bodies that nobody needs any more make room. */
  releaseBodies(run: Bodies): void {
    const known = this.#runs.get(run);
    if (known === undefined) return;
    this.#runs.delete(run);
    this.#bodyBytes -= known.bytes;
  }

  /** By how much what is kept of a session beside its bodies has grown, or shrunk. */
  chargeSession(bytes: number): void {
    this.#sessionBytes += bytes;
    if (bytes > 0) this.#makeRoom(undefined);
  }

  /** Nobody uses it, and it is published: it may go, after all that have been idle for longer. */
  setIdle<S extends { readonly chargedBytes: number }>(session: S, owner: SessionOwner<S>): void {
    this.setBusy(session);
    const bytes = session.chargedBytes;
    this.#idle.set(session, { bytes, owner });
    this.#idleBytes += bytes;
  }

  setBusy(session: object): void {
    const known = this.#idle.get(session);
    if (known === undefined) return;
    this.#idle.delete(session);
    this.#idleBytes -= known.bytes;
  }

  #makeRoom(spared: Bodies | undefined): void {
    while (this.usedBytes > this.bytesMax) {
      const isForBodies = this.#bodyBytes > this.bytesMax / 2 || this.#idle.size === 0;
      if (isForBodies && this.#coolOldest(spared)) continue;
      const [oldest] = this.#idle;
      if (oldest === undefined) return;
      const [session, { owner }] = oldest;
      this.setBusy(session);
      owner.evict(session);
    }
  }

  #coolOldest(spared: Bodies | undefined): boolean {
    for (const [run, { owner }] of this.#runs) {
      if (run === spared) continue;
      this.releaseBodies(run);
      owner.cool(run);
      return true;
    }
    return false;
  }
}

// Streams of which a subscription may have something pending, as far as there is room to remember them.
// What had no room is found again, by looking through all streams, once the others are done with.

export interface CandidateBounds {
  /** What all subscriptions of a tenant remember together. */
  readonly sharedMax: number;
  /** What each may remember though the others have taken all of that. */
  readonly ownMin: number;
}

/** As many as one wake names: what is found again by one look through all streams is worth that. */
export const candidateDefaults: CandidateBounds = { sharedMax: 65_536, ownMin: 1_000 };

/** Shared by the subscriptions of a tenant. */
export class CandidateRoom {
  readonly #bounds: CandidateBounds;
  count = 0;

  constructor(bounds: CandidateBounds) {
    this.#bounds = bounds;
  }

  /** Whether one who has so many may have another. */
  hasRoom(ownCount: number): boolean {
    return ownCount < this.#bounds.ownMin || this.count < this.#bounds.sharedMax;
  }
}

export class Candidates {
  readonly #room: CandidateRoom;
  readonly #names = new Set<string>();
  #isCut = false;

  constructor(room: CandidateRoom) {
    this.#room = room;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  add(name: string): void {
    if (this.#names.has(name)) return;
    if (this.#room.hasRoom(this.#names.size)) {
      this.#names.add(name);
      this.#room.count += 1;
    } else {
      this.#isCut = true;
    }
  }

  delete(name: string): void {
    if (this.#names.delete(name)) this.#room.count -= 1;
  }

  clear(): void {
    this.#room.count -= this.#names.size;
    this.#names.clear();
    this.#isCut = false;
  }

  /** Whether some had no room since this was asked last. */
  takeCut(): boolean {
    const isCut = this.#isCut;
    this.#isCut = false;
    return isCut;
  }
}

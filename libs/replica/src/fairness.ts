// Rule 10. Who folds another writer's void record on a session holds its own next batch for that
// session for a while: its own round trip, doubled while such voids keep coming, with a ceiling.
// Without it a writer half as fast never wins.

/** A void that comes later than this many holds after the last one starts over. */
const forgetHolds = 8;

interface Hold {
  holdMs: number;
  untilMs: number;
  lastVoidMs: number;
}

export interface FairnessBounds {
  readonly holdMsMin: number;
  readonly holdMsMax: number;
}

export class Fairness {
  readonly #bounds: FairnessBounds;
  readonly #holds = new Map<string, Hold>();
  /** Smoothed round trip of this writer's own batches. */
  #roundTripMs = 0;

  constructor(bounds: FairnessBounds) {
    this.#bounds = bounds;
  }

  sawRoundTrip(durationMs: number): void {
    this.#roundTripMs += (durationMs - this.#roundTripMs) / 8;
  }

  sawForeignVoid(key: string, nowMs: number): void {
    const hold = this.#holds.get(key);
    const first = Math.max(this.#bounds.holdMsMin, this.#roundTripMs);
    const isRunning =
      hold !== undefined && nowMs - hold.lastVoidMs < forgetHolds * Math.max(hold.holdMs, first);
    const holdMs = Math.min(isRunning ? 2 * hold.holdMs : first, this.#bounds.holdMsMax);
    this.#holds.set(key, { holdMs, untilMs: nowMs + holdMs, lastVoidMs: nowMs });
  }

  /** How long the session is still held; 0 when it is not. */
  heldForMs(key: string, nowMs: number): number {
    const hold = this.#holds.get(key);
    if (hold === undefined) return 0;
    if (nowMs - hold.lastVoidMs > forgetHolds * hold.holdMs) this.#holds.delete(key);
    return Math.max(0, hold.untilMs - nowMs);
  }

  get isEmpty(): boolean {
    return this.#holds.size === 0;
  }
}

// Rule 10. Who folds another writer's void record on a session holds its own next batch for that
// session for a while: its own round trip at first, doubled while the other does not get a record in,
// halved once it does, with a ceiling. Without it a writer half as fast never wins; without the
// halving a hot session spends its time in holds.

/** A void that comes later than this many holds after the last one starts over. */
const forgetHolds = 8;

interface Hold {
  holdMs: number;
  untilMs: number;
  lastVoidMs: number;
  /** A record of another's stood since the hold began: it was long enough. */
  letIn: boolean;
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
    // A batch of many voids is one collision, and what comes during a hold was sent before it.
    if (hold !== undefined && nowMs < hold.untilMs) return;
    const first = Math.max(this.#bounds.holdMsMin, this.#roundTripMs);
    const isRunning =
      hold !== undefined && nowMs - hold.lastVoidMs < forgetHolds * Math.max(hold.holdMs, first);
    const next = isRunning ? hold.holdMs * (hold.letIn ? 0.5 : 2) : first;
    const holdMs = Math.min(Math.max(next, first), this.#bounds.holdMsMax);
    // The latest goes last: the oldest are first to be forgotten.
    this.#holds.delete(key);
    this.#forgetBefore(nowMs);
    this.#holds.set(key, { holdMs, untilMs: nowMs + holdMs, lastVoidMs: nowMs, letIn: false });
  }

  sawForeignRecord(key: string): void {
    const hold = this.#holds.get(key);
    if (hold !== undefined) hold.letIn = true;
  }

  /** How long the session is still held; 0 when it is not. */
  heldForMs(key: string, nowMs: number): number {
    this.#forgetBefore(nowMs);
    return Math.max(0, (this.#holds.get(key)?.untilMs ?? 0) - nowMs);
  }

  /** Holds of sessions that nobody writes to any more go as well. */
  #forgetBefore(nowMs: number): void {
    for (const [key, { lastVoidMs }] of this.#holds) {
      if (nowMs - lastVoidMs <= forgetHolds * this.#bounds.holdMsMax) return;
      this.#holds.delete(key);
    }
  }

  get isEmpty(): boolean {
    return this.#holds.size === 0;
  }
}

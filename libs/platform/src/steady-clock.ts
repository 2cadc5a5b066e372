// The wall clock as records, lifetimes and tokens may rely on it. It runs with the monotonic clock, and
// follows the machine's wall clock where that differs by little. What differs by more is a step: it is
// taken, in either direction, only once it has lasted. Until then time runs on as if there had been none,
// or stands still where the machine's clock is behind.
//
// A moment in which the machine has the wrong year would otherwise be for ever: a record's time is never
// before its session's last, so that a stream touched in that moment would live for years.
//
// What a process begins with is the machine's clock as it is: there is nothing to compare it with.

import type { Clock, Timer } from '@tidemark/ports';

/** What a clock is corrected by without a step. */
const slewMsMax = 1_000;
/** How long a step has to last. */
const stepLastsMs = 60_000;

interface Step {
  /** Wall time less monotonic time. */
  readonly offsetMs: number;
  readonly sinceMs: number;
}

export class SteadyClock implements Clock {
  readonly #machine: Clock;
  #toldMs: number;
  #toldAtMs: number;
  #step: Step | undefined;

  constructor(machine: Clock) {
    this.#machine = machine;
    this.#toldMs = machine.nowMs();
    this.#toldAtMs = machine.monotonicMs();
  }

  nowMs(): number {
    const wallMs = this.#machine.nowMs();
    const atMs = this.#machine.monotonicMs();
    const steadyMs = this.#toldMs + (atMs - this.#toldAtMs);
    this.#toldMs = this.#next(wallMs, steadyMs, atMs);
    this.#toldAtMs = atMs;
    return Math.floor(this.#toldMs);
  }

  #next(wallMs: number, steadyMs: number, atMs: number): number {
    if (Math.abs(wallMs - steadyMs) <= slewMsMax) {
      this.#step = undefined;
      return Math.max(wallMs, this.#toldMs);
    }
    const offsetMs = wallMs - atMs;
    const isSame = Math.abs(offsetMs - (this.#step?.offsetMs ?? Infinity)) <= slewMsMax;
    if (!isSame || this.#step === undefined) this.#step = { offsetMs, sinceMs: atMs };
    if (atMs - this.#step.sinceMs >= stepLastsMs) {
      this.#step = undefined;
      return wallMs;
    }
    return wallMs < steadyMs ? this.#toldMs : steadyMs;
  }

  monotonicMs(): number {
    return this.#machine.monotonicMs();
  }

  schedule(delayMs: number, run: () => void): Timer {
    return this.#machine.schedule(delayMs, run);
  }
}

// Whether this process has more to do than it can: a loop that does not rest. How late a timer
// comes says less: with a full loop that turns quickly none is late, and more work is taken in.

import type { Clock, Timer } from '@tidemark/ports';

const beatMs = 200;
const fullShare = 0.99;
/** One full beat may be a pause of the collector. */
const fullBeatsMin = 2;
const stickyMs = 1_000;

export class LoopUse {
  readonly #clock: Clock;
  readonly #busyShare: () => number;
  #timer: Timer | undefined;
  #fullBeats = 0;
  #saturatedUntilMs = 0;

  /** `busyShare`: of the time since it was asked last. */
  constructor(clock: Clock, busyShare: () => number) {
    this.#clock = clock;
    this.#busyShare = busyShare;
    this.#wait();
  }

  #wait(): void {
    this.#timer = this.#clock.schedule(beatMs, () => {
      this.#fullBeats = this.#busyShare() >= fullShare ? this.#fullBeats + 1 : 0;
      if (this.#fullBeats >= fullBeatsMin) {
        this.#saturatedUntilMs = this.#clock.monotonicMs() + stickyMs;
      }
      this.#wait();
    });
  }

  get isSaturated(): boolean {
    return this.#saturatedUntilMs > 0 && this.#clock.monotonicMs() < this.#saturatedUntilMs;
  }

  close(): void {
    this.#timer?.cancel();
  }
}

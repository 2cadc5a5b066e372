// Whether this process has more to do than it can: a beat that comes late, again and again.

import type { Clock, Timer } from '@tidemark/ports';

const beatMs = 200;
const lateMs = 30;
/** One late beat may be a pause of the collector. */
const lateBeatsMin = 2;
const stickyMs = 1_000;

export class LoopLag {
  readonly #clock: Clock;
  readonly #onBeat: () => void;
  #timer: Timer | undefined;
  #lateBeats = 0;
  #saturatedUntilMs = 0;
  #dueMs = 0;

  constructor(clock: Clock, onBeat: () => void) {
    this.#clock = clock;
    this.#onBeat = onBeat;
    this.#wait();
  }

  #wait(): void {
    this.#dueMs = this.#clock.monotonicMs() + beatMs;
    this.#timer = this.#clock.schedule(beatMs, () => {
      const nowMs = this.#clock.monotonicMs();
      this.#lateBeats = nowMs - this.#dueMs > lateMs ? this.#lateBeats + 1 : 0;
      if (this.#lateBeats >= lateBeatsMin) this.#saturatedUntilMs = nowMs + stickyMs;
      this.#onBeat();
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

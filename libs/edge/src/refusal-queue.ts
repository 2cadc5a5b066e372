// Refusals that wait to be answered, first come, first served.

import type { Clock, Timer } from '@tidemark/ports';
import { Queue } from '@tidemark/std';

/** So far apart at least: answering them takes a bounded part of the process's time. */
const apartMs = 1;
/** A connection has one at a time; beyond that they are answered at once. */
const waitingMax = 16_384;

interface Waiting {
  readonly dueMs: number;
  readonly run: () => void;
}

export class RefusalQueue {
  readonly #clock: Clock;
  readonly #heldMs: number;
  readonly #waiting = new Queue<Waiting>();
  #lastDueMs = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, heldMs: number) {
    this.#clock = clock;
    this.#heldMs = heldMs;
  }

  add(run: () => void): void {
    if (this.#waiting.size >= waitingMax) return run();
    const dueMs = Math.max(this.#clock.monotonicMs() + this.#heldMs, this.#lastDueMs + apartMs);
    this.#lastDueMs = dueMs;
    this.#waiting.push({ dueMs, run });
    if (this.#timer === undefined) this.#wait();
  }

  #wait(): void {
    const head = this.#waiting.peek();
    if (head === undefined) return;
    const delayMs = Math.max(1, head.dueMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.schedule(delayMs, () => {
      this.#timer = undefined;
      this.#answerDue();
      this.#wait();
    });
  }

  #answerDue(): void {
    const nowMs = this.#clock.monotonicMs();
    for (let head = this.#waiting.peek(); head !== undefined; head = this.#waiting.peek()) {
      if (head.dueMs > nowMs) return;
      this.#waiting.shift();
      head.run();
    }
  }

  close(): void {
    this.#timer?.cancel();
    for (const { run } of this.#waiting.drain()) run();
  }
}

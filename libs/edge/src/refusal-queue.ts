// Refusals that wait to be answered, first come, first served.

import type { Clock, Timer } from '@tidemark/ports';
import { Queue } from '@tidemark/std';
import type { Answer } from './withheld-answer.ts';

/** Beyond it they are answered at once. The last of so many waits for less than a head may take to come. */
const waitingMax = 12_000;

export interface RefusalPace {
  readonly heldMs: number;
  /** So far apart at least: answering them takes a bounded part of the process's time. */
  readonly apartMs: number;
}

interface Waiting {
  readonly dueMs: number;
  readonly answer: Answer;
}

export class RefusalQueue {
  readonly #clock: Clock;
  readonly #pace: RefusalPace;
  readonly #waiting = new Queue<Waiting>();
  #lastDueMs = 0;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock, pace: RefusalPace) {
    this.#clock = clock;
    this.#pace = pace;
  }

  add(answer: Answer): void {
    if (this.#isClosed || this.#waiting.size >= waitingMax) return answer(this.#isClosed);
    const { heldMs, apartMs } = this.#pace;
    const dueMs = Math.max(this.#clock.monotonicMs() + heldMs, this.#lastDueMs + apartMs);
    this.#lastDueMs = dueMs;
    this.#waiting.push({ dueMs, answer });
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
      head.answer(false);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const { answer } of this.#waiting.drain()) answer(true);
  }
}

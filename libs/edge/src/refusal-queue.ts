// Refusals that wait to be answered, first come, first served.
//
// (1) They are answered so far apart, whatever came when: it is a bounded part of the process's time.
// (2) A loop that was late makes up for few of them, for each of its turns is one that others wait for.
// (3) Who has gone by then takes no turn of those who have not.

import type { Clock, Timer } from '@tidemark/ports';
import { Queue } from '@tidemark/std';
import type { Answer } from './withheld-answer.ts';

/** Beyond it they are answered at once. The last of so many waits for less than a head may take to come. */
const waitingMax = 12_000;

export interface RefusalPace {
  readonly heldMs: number;
  readonly apartMs: number;
  /** In one turn of the loop. */
  readonly atOnceMax: number;
}

interface Waiting {
  readonly fromMs: number;
  readonly answer: Answer;
}

export class RefusalQueue {
  readonly #clock: Clock;
  readonly #pace: RefusalPace;
  readonly #waiting = new Queue<Waiting>();
  /** When the next may be answered. */
  #nextMs = 0;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock, pace: RefusalPace) {
    this.#clock = clock;
    this.#pace = pace;
  }

  add(answer: Answer): void {
    if (this.#isClosed || this.#waiting.size >= waitingMax) {
      answer(this.#isClosed);
      return;
    }
    const fromMs = this.#clock.monotonicMs() + this.#pace.heldMs;
    if (this.#waiting.size === 0) this.#nextMs = Math.max(this.#nextMs, fromMs);
    this.#waiting.push({ fromMs, answer });
    if (this.#timer === undefined) this.#wait();
  }

  #wait(): void {
    const head = this.#waiting.peek();
    if (head === undefined) return;
    const dueMs = Math.max(head.fromMs, this.#nextMs);
    this.#timer = this.#clock.schedule(Math.max(1, dueMs - this.#clock.monotonicMs()), () => {
      this.#timer = undefined;
      this.#answerDue();
      this.#wait();
    });
  }

  #answerDue(): void {
    const { apartMs, atOnceMax } = this.#pace;
    const nowMs = this.#clock.monotonicMs();
    this.#nextMs = Math.max(this.#nextMs, nowMs - (atOnceMax - 1) * apartMs);
    while (this.#nextMs <= nowMs) {
      const head = this.#waiting.peek();
      if (head === undefined || head.fromMs > nowMs) return;
      this.#waiting.shift();
      if (head.answer(false)) this.#nextMs += apartMs;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const { answer } of this.#waiting.drain()) answer(true);
  }
}

// Large answers take turns while somebody writes. Who catches up can wait; who writes cannot, and a few
// readers that ask as fast as they can would take the loop, and the machine's cores, from all writers.
//
// free  -> taken    #next   (an answer begins)
// taken -> resting  #rest   (it was sent, or has had its time)
// resting -> free   #next   (the rest is over: the next in the queue, or all of them once nobody writes)

import type { Clock } from '@tidemark/ports';
import { Queue } from '@tidemark/std';

/** A slow reader does not keep the others waiting for longer. */
const turnMsMax = 20;
/** Rests last so many times as long as the turn before: reading gets a fifth of the time. */
const restFactor = 4;

/** An answer as it is sent: what a ServerResponse tells of it. */
export interface SentAnswer {
  readonly destroyed: boolean;
  once(event: 'finish' | 'close', listener: () => void): unknown;
}

interface Waiting {
  readonly raw: SentAnswer;
  readonly send: () => void;
}

export class AnswerTurns {
  readonly #clock: Clock;
  readonly #isWritten: () => boolean;
  readonly #waiting = new Queue<Waiting>();
  #isFree = true;

  /** `isWritten` tells whether anybody writes at the moment. */
  constructor(clock: Clock, isWritten: () => boolean) {
    this.#clock = clock;
    this.#isWritten = isWritten;
  }

  /** Sends now, or when it is this answer's turn; never, where its client has gone by then. */
  take(raw: SentAnswer, send: () => void): void {
    if (this.#isFree && !this.#isWritten()) return send();
    this.#waiting.push({ raw, send });
    if (this.#isFree) this.#next();
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const { raw, send } of this.#waiting.drain()) if (!raw.destroyed) send();
  }

  #next(): void {
    this.#isFree = true;
    if (!this.#isWritten()) return this.close();
    for (let head = this.#waiting.shift(); head !== undefined; head = this.#waiting.shift()) {
      if (head.raw.destroyed) continue;
      return this.#begin(head);
    }
  }

  #begin({ raw, send }: Waiting): void {
    this.#isFree = false;
    const startMs = this.#clock.monotonicMs();
    let isOver = false;
    const rest = (): void => {
      if (isOver) return;
      isOver = true;
      limit.cancel();
      const tookMs = this.#clock.monotonicMs() - startMs;
      this.#clock.schedule(Math.max(1, restFactor * tookMs), () => this.#next());
    };
    const limit = this.#clock.schedule(turnMsMax, rest);
    raw.once('finish', rest);
    raw.once('close', rest);
    send();
  }
}

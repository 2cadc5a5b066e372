// Large answers take turns while somebody writes. Who catches up can wait; who writes cannot, and a few
// readers that ask as fast as they can would take the loop, and the machine's cores, from all writers.
//
// An answer costs by its bytes, whether its reader is quick or slow: each has a rest behind it in which
// no other begins.

import type { Clock } from '@tidemark/ports';
import { Queue } from '@tidemark/std';

/** Of all readers of the process together. Four unpaced ones took more than twice as much. */
const bytesPerMs = 128 * 1_024;

/** An answer that is to be sent: what a ServerResponse tells of it. */
export interface PendingAnswer {
  readonly destroyed: boolean;
}

interface Waiting {
  readonly raw: PendingAnswer;
  readonly bytes: number;
  readonly send: () => void;
}

export class AnswerTurns {
  readonly #clock: Clock;
  readonly #isWritten: () => boolean;
  readonly #waiting = new Queue<Waiting>();
  #isResting = false;

  /** `isWritten` tells whether anybody writes at the moment. */
  constructor(clock: Clock, isWritten: () => boolean) {
    this.#clock = clock;
    this.#isWritten = isWritten;
  }

  /** Sends now, or when it is this answer's turn; never, where its client has gone by then. */
  take(raw: PendingAnswer, bytes: number, send: () => void): void {
    if (!this.#isResting && !this.#isWritten()) return send();
    this.#waiting.push({ raw, bytes, send });
    if (!this.#isResting) this.#next();
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const { raw, send } of this.#waiting.drain()) if (!raw.destroyed) send();
  }

  #next(): void {
    this.#isResting = false;
    if (!this.#isWritten()) return this.close();
    for (let head = this.#waiting.shift(); head !== undefined; head = this.#waiting.shift()) {
      if (head.raw.destroyed) continue;
      this.#isResting = true;
      this.#clock.schedule(Math.max(1, head.bytes / bytesPerMs), () => this.#next());
      head.send();
      return;
    }
  }
}

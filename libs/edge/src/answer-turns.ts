// Large answers take turns while somebody writes. Who catches up can wait; who writes cannot, and a few
// readers that ask as fast as they can would take the loop, and the machine's cores, from all writers.
//
// An answer costs by its bytes, whether its reader is quick or slow: each has a rest behind it in which
// no other begins.

import type { Clock } from '@tidemark/ports';
import { Queue } from '@tidemark/std';

/** Of all readers of the process together. Four unpaced ones took more than twice as much. */
const bytesPerMs = 128 * 1_024;

interface Waiting {
  readonly bytes: number;
  /** None any more once its client has gone: with it goes what was to be sent. */
  send: (() => void) | undefined;
}

const nothing = (): void => undefined;

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

  /** Sends now, or when it is this answer's turn. Gives back what takes it out of the line. */
  take(bytes: number, send: () => void): () => void {
    if (!this.#isResting && !this.#isWritten()) {
      send();
      return nothing;
    }
    const waiting: Waiting = { bytes, send };
    this.#waiting.push(waiting);
    if (!this.#isResting) this.#next();
    return () => {
      waiting.send = undefined;
    };
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const { send } of this.#waiting.drain()) send?.();
  }

  #next(): void {
    this.#isResting = false;
    if (!this.#isWritten()) return this.close();
    for (let head = this.#waiting.shift(); head !== undefined; head = this.#waiting.shift()) {
      if (head.send === undefined) continue;
      this.#isResting = true;
      this.#clock.schedule(Math.max(1, head.bytes / bytesPerMs), () => this.#next());
      head.send();
      return;
    }
  }
}

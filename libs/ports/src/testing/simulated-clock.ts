import { assert, present } from '@tidemark/std';
import type { Clock, Timer } from '../clock.ts';

interface PendingTimer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Lets everything that is ready go on: all microtasks, then whatever they made ready. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Timers that one run may fire before it is taken for endless. */
const timersMax = 10_000_000;

/** Turns of the event loop without a timer before a promise is taken for one that never settles. */
const turnsMax = 1_000;

/**
 * Virtual time. Timers fire by instant, then by the order in which they were scheduled, each after
 * everything that the one before made ready: the same program gives the same history.
 */
export class SimulatedClock implements Clock {
  #monotonicMs = 0;
  #wallMs: number;
  #order = 0;
  #firedCount = 0;
  /** Latest first, so that the next timer is the last item. */
  readonly #timers: PendingTimer[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#wallMs = startMs;
  }

  get pendingCount(): number {
    return this.#timers.length;
  }

  get firedCount(): number {
    return this.#firedCount;
  }

  nowMs(): number {
    return Math.floor(this.#wallMs + this.#monotonicMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  schedule(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order, run };
    this.#order += 1;
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return {
      cancel: () => {
        const place = this.#placeOf(timer);
        if (this.#timers[place] === timer) this.#timers.splice(place, 1);
      },
    };
  }

  /** Moves the wall clock alone, as an operator or a time server does. */
  jump(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Lets time pass, with everything that falls due in it. */
  async advance(byMs: number): Promise<void> {
    assert(byMs >= 0, 'time does not go back');
    const endMs = this.#monotonicMs + byMs;
    await settle();
    while (this.#nextAtMs() <= endMs) await this.#fireNext();
    this.#monotonicMs = endMs;
  }

  /** Lets time pass until no timer is left. */
  async runUntilIdle(): Promise<void> {
    await settle();
    for (let fired = 0; this.#timers.length > 0; fired += 1) {
      assert(fired < timersMax, 'the simulation becomes idle');
      await this.#fireNext();
    }
  }

  /** Lets time pass until the promise settles, and gives what it gave. */
  async runUntil<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    await settle();
    for (let turns = 0; !isSettled; turns += 1) {
      if (this.#timers.length > 0) turns = 0;
      assert(turns < turnsMax, 'a promise waits for something that no timer brings');
      if (this.#timers.length > 0) await this.#fireNext();
      else await settle();
    }
    return promise;
  }

  #nextAtMs(): number {
    return this.#timers.at(-1)?.atMs ?? Number.POSITIVE_INFINITY;
  }

  async #fireNext(): Promise<void> {
    const timer = present(this.#timers.pop(), 'timer');
    this.#monotonicMs = timer.atMs;
    this.#firedCount += 1;
    timer.run();
    await settle();
  }

  #placeOf(timer: PendingTimer): number {
    let first = 0;
    let end = this.#timers.length;
    while (first < end) {
      const middle = (first + end) >>> 1;
      if (isLater(present(this.#timers[middle], 'timer'), timer)) first = middle + 1;
      else end = middle;
    }
    return first;
  }
}

const isLater = (one: PendingTimer, other: PendingTimer): boolean =>
  one.atMs === other.atMs ? one.order > other.order : one.atMs > other.atMs;

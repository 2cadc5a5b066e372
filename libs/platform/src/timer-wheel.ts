import type { Clock, Timer } from '@tidemark/ports';

/** Something to be done at about some time, for one of very many. */
interface Entry {
  readonly run: () => void;
  slot: Set<Entry> | undefined;
}

/**
 * One timer for any number of connections: deadlines are rounded up to the next tick, which for
 * heartbeats and time-outs is exact enough.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots = new Map<number, Set<Entry>>();
  #tick: Timer | undefined;
  #nextTick = 0;

  constructor(clock: Clock, tickMs = 250) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  /** Calls once, not before the delay has passed. The answer cancels. */
  after(delayMs: number, run: () => void): () => void {
    const now = this.#clock.monotonicMs();
    // Ticks with nothing to do are not made up for.
    if (this.#slots.size === 0) {
      this.#nextTick = Math.max(this.#nextTick, Math.floor(now / this.#tickMs));
    }
    const at = Math.max(Math.ceil((now + delayMs) / this.#tickMs), this.#nextTick);
    let slot = this.#slots.get(at);
    if (slot === undefined) {
      slot = new Set();
      this.#slots.set(at, slot);
    }
    const entry: Entry = { run, slot };
    slot.add(entry);
    this.#arm(now);
    return () => {
      entry.slot?.delete(entry);
      entry.slot = undefined;
    };
  }

  close(): void {
    this.#tick?.cancel();
    this.#slots.clear();
  }

  #arm(now: number): void {
    if (this.#tick !== undefined) return;
    const current = Math.floor(now / this.#tickMs);
    const delayMs = (current + 1) * this.#tickMs - now;
    this.#tick = this.#clock.schedule(delayMs, () => this.#turn());
  }

  #turn(): void {
    this.#tick = undefined;
    const now = this.#clock.monotonicMs();
    const current = Math.floor(now / this.#tickMs);
    while (this.#nextTick <= current) {
      const slot = this.#slots.get(this.#nextTick);
      this.#slots.delete(this.#nextTick);
      // Whoever asks again from here on asks for a later tick.
      this.#nextTick += 1;
      for (const entry of slot ?? []) {
        entry.slot = undefined;
        entry.run();
      }
    }
    if (this.#slots.size > 0) this.#arm(now);
  }
}

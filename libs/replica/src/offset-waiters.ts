interface Waiter {
  readonly to: bigint;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who wait until everything below an offset is folded. */
export class OffsetWaiters {
  #waiters: Waiter[] = [];

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  wait(to: bigint): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ to, resolve, reject });
    });
  }

  reached(position: bigint): void {
    if (!this.#waiters.some(({ to }) => to <= position)) return;
    const ready = this.#waiters.filter(({ to }) => to <= position);
    this.#waiters = this.#waiters.filter(({ to }) => to > position);
    for (const waiter of ready) waiter.resolve();
  }

  fail(reason: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }
}

/**
 * So much a second, and at most so much at once. Whoever finds anything left may take more than that, and
 * leaves a debt: one that is larger than the bucket is let through once, and those behind it wait.
 */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number, burst = perSecond) {
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, burst);
    this.#left = this.#burst;
    this.#atMs = nowMs;
  }

  /** How long whoever asks has to wait; 0 where there is something left, or as much as is said. */
  waitMs(nowMs: number, least = 0): number {
    this.#fill(nowMs);
    if (this.#left > 0 && this.#left >= least) return 0;
    return Math.max(1, Math.ceil((1_000 * (1 - this.#left)) / this.#perSecond));
  }

  take(amount: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#left -= amount;
  }

  #fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#left = Math.min(this.#burst, this.#left + (passedMs / 1_000) * this.#perSecond);
  }
}

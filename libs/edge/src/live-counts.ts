import { Problem } from '@tidemark/protocol';

/** How soon a client that was one too many may try again. */
const againMs = 5_000;

/** How many of each tenant are told something live here. */
export class LiveCounts {
  readonly #counts = new Map<string, number>();

  /** Answers how to leave, once. Throws where there are as many as there may be. */
  enter(tenant: string, countMax: number | undefined): () => void {
    const count = this.#counts.get(tenant) ?? 0;
    if (countMax !== undefined && count >= countMax) {
      const facts = { retryAfterMs: againMs };
      const detail = `the tenant has ${countMax} live connections, as many as it may`;
      throw new Problem('rate-limited', detail, { facts });
    }
    this.#counts.set(tenant, count + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = (this.#counts.get(tenant) ?? 1) - 1;
      if (left === 0) this.#counts.delete(tenant);
      else this.#counts.set(tenant, left);
    };
  }
}

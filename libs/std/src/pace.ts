/** A step, where nothing else is said: so much takes one or two milliseconds to make and to compress. */
const stepBytes = 16 * 1_024;

/** Long work in steps: what has to be answered meanwhile waits for one of them, not for all. */
export class Pace {
  readonly #rest: () => Promise<void>;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(rest: () => Promise<void>, bytesMax = stepBytes) {
    this.#rest = rest;
    this.#bytesMax = bytesMax;
  }

  /** So much of it is done: lets others have their turn where that was a step. */
  async done(bytes: number): Promise<void> {
    this.#bytes += bytes;
    if (this.#bytes < this.#bytesMax) return;
    this.#bytes = 0;
    await this.#rest();
  }
}

/** Neighbours that are a step together. */
export function* steps<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
): Generator<{ readonly items: readonly T[]; readonly bytes: number }> {
  let bytes = 0;
  let start = 0;
  for (const [index, item] of items.entries()) {
    bytes += bytesOf(item);
    if (bytes < stepBytes && index < items.length - 1) continue;
    yield { items: items.slice(start, index + 1), bytes };
    start = index + 1;
    bytes = 0;
  }
}

// What the digest was at round offsets, for a while: two folds of one log, wherever each of them
// stands, have some of these in common, and a fold that disagrees is found out.

export interface DigestMark {
  /** The digest covers every record below it. */
  readonly offset: number;
  readonly digest: number;
}

const everyOffsets = 256;
const marksMax = 1_024;

export class DigestMarks {
  readonly #digests = new Map<number, number>();
  #newest: DigestMark | undefined;
  #passed = -1;

  get newest(): DigestMark | undefined {
    return this.#newest;
  }

  at(offset: number): number | undefined {
    return this.#digests.get(offset);
  }

  /** The record at an offset is about to be folded into the digest. */
  pass(offset: number, digest: number): void {
    const index = Math.floor(offset / everyOffsets);
    if (index === this.#passed) return;
    const isFirst = this.#passed === -1;
    this.#passed = index;
    // Who begins in the middle has not seen what lies before the first mark that it passes.
    if (isFirst && offset !== 0) return;
    const mark = { offset: index * everyOffsets, digest };
    this.#newest = mark;
    this.#digests.set(mark.offset, digest);
    if (this.#digests.size <= marksMax) return;
    for (const oldest of this.#digests.keys()) {
      this.#digests.delete(oldest);
      return;
    }
  }

  clear(): void {
    this.#digests.clear();
    this.#newest = undefined;
    this.#passed = -1;
  }
}

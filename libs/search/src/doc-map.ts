import { Uint32Column } from './growing-arrays.ts';

/** Which documents of an old table are which of a new one: runs that keep together are one entry. */
export class DocMap {
  readonly #oldFirsts = new Uint32Column();
  readonly #newFirsts = new Uint32Column();
  readonly #counts = new Uint32Column();
  /** Where the last look-up ended: postings ask in order. */
  #run = 0;

  /** In the order of both. */
  add(oldDoc: number, newDoc: number): void {
    const last = this.#counts.length - 1;
    if (last >= 0) {
      const count = this.#counts.at(last);
      const follows =
        this.#oldFirsts.at(last) + count === oldDoc && this.#newFirsts.at(last) + count === newDoc;
      if (follows) {
        this.#counts.values[last] = count + 1;
        return;
      }
    }
    this.#oldFirsts.push(oldDoc);
    this.#newFirsts.push(newDoc);
    this.#counts.push(1);
  }

  /** -1 for one that is gone. */
  newOf(oldDoc: number): number {
    if (this.#run > 0 && oldDoc < this.#oldFirsts.at(this.#run)) this.#run = 0;
    const last = this.#counts.length - 1;
    while (this.#run < last && this.#oldFirsts.at(this.#run + 1) <= oldDoc) this.#run += 1;
    if (this.#run > last) return -1;
    const within = oldDoc - this.#oldFirsts.at(this.#run);
    return within >= 0 && within < this.#counts.at(this.#run)
      ? this.#newFirsts.at(this.#run) + within
      : -1;
  }
}

import type { DocMap } from './doc-map.ts';
import { Float64Column } from './growing-arrays.ts';
import { type EncodedList, ListReader, PostingsEncoder } from './postings.ts';

/** Above any frequency: a posting is one number, so that postings are sorted as numbers. */
const documentScale = 65_536;

/** Makes one list of those that a term has in several tables. */
export class ListMerger {
  readonly #encoder: PostingsEncoder;
  readonly #postings = new Float64Column();
  #isSorted = true;

  /** Of the lengths of the new documents. */
  constructor(lengths: Uint32Array) {
    this.#encoder = new PostingsEncoder(lengths);
  }

  add(encoded: EncodedList, map: DocMap): void {
    const reader = new ListReader(encoded);
    while (reader.next()) {
      const document = map.newOf(reader.document);
      if (document !== -1) this.#push(document * documentScale + reader.frequency);
    }
  }

  /** What was added; what follows begins anew. */
  take(): EncodedList {
    const count = this.#postings.length;
    const postings = this.#postings.values.subarray(0, count);
    if (!this.#isSorted) postings.sort();
    const documents = new Uint32Array(count);
    const frequencies = new Uint16Array(count);
    for (let at = 0; at < count; at += 1) {
      const posting = postings[at] as number;
      documents[at] = Math.floor(posting / documentScale);
      frequencies[at] = posting % documentScale;
    }
    this.#postings.length = 0;
    this.#isSorted = true;
    return this.#encoder.encode({ documents, frequencies, start: 0, end: count });
  }

  #push(posting: number): void {
    const { length } = this.#postings;
    if (length > 0 && this.#postings.at(length - 1) > posting) this.#isSorted = false;
    this.#postings.push(posting);
  }
}

import type { Weight } from './bm25.ts';
import type { DocRange } from './doc-ranges.ts';
import type { Documents } from './documents.ts';
import type { PostingList } from './postings.ts';

/** Gives documents what one term gives them, window after window. */
export class TermScorer {
  readonly #list: PostingList;
  readonly #weight: number;
  readonly #base: number;
  readonly #slope: number;
  readonly #lengths: Uint32Array;
  readonly #range: DocRange;
  /** Of blocks, the most that any of their documents is given; not a number while nobody asked. */
  readonly #bounds: Float64Array;
  /** The first block that is not behind the window. */
  #block = 0;
  /** In the window that was entered last. */
  bound = 0;

  constructor(list: PostingList, weight: Weight, { lengths, range }: Documents) {
    this.#list = list;
    this.#weight = weight.weight;
    this.#base = weight.base;
    this.#slope = weight.slope;
    this.#lengths = lengths;
    this.#range = range;
    this.#bounds = new Float64Array(list.blocks).fill(Number.NaN);
  }

  /** Windows are entered in order. */
  enter({ firstDoc, endDoc }: DocRange): void {
    const list = this.#list;
    while (this.#block < list.blocks && list.lastOf(this.#block) < firstDoc) this.#block += 1;
    this.bound = 0;
    for (let block = this.#block; block < list.blocks; block += 1) {
      if (list.firstOf(block) >= endDoc) break;
      this.bound = Math.max(this.bound, this.#boundOf(block));
    }
  }

  /** Adds to the scores of a window's documents. */
  addTo(scores: Float64Array, { firstDoc, endDoc }: DocRange): void {
    const list = this.#list;
    const lengths = this.#lengths;
    const [weight, base, slope] = [this.#weight, this.#base, this.#slope];
    const first = this.#range.firstDoc;
    const { documents, frequencies } = list;
    for (let block = this.#block; block < list.blocks; block += 1) {
      if (list.firstOf(block) >= endDoc) break;
      const count = list.open(block);
      for (let at = 0; at < count; at += 1) {
        const document = documents[at] as number;
        if (document < firstDoc) continue;
        if (document >= endDoc) break;
        const tf = frequencies[at] as number;
        const place = document - firstDoc;
        const norm = base + slope * (lengths[document - first] as number);
        scores[place] = (scores[place] as number) + (weight * tf) / (tf + norm);
      }
    }
  }

  scoreOf(document: number): number {
    const tf = this.#list.frequencyIn(document);
    return tf === 0 ? 0 : this.#give(tf, this.#lengths[document - this.#range.firstDoc] as number);
  }

  #give(tf: number, length: number): number {
    return (this.#weight * tf) / (tf + (this.#base + this.#slope * length));
  }

  #boundOf(block: number): number {
    const known = this.#bounds[block] as number;
    if (!Number.isNaN(known)) return known;
    const bound =
      this.#list.blocks === 1
        ? this.#mostOfAll()
        : this.#list.boundOf(block, (tf, length) => this.#give(tf, length));
    this.#bounds[block] = bound;
    return bound;
  }

  #mostOfAll(): number {
    const { documents, frequencies } = this.#list;
    const { firstDoc, endDoc } = this.#range;
    const count = this.#list.open(0);
    let most = 0;
    for (let at = 0; at < count; at += 1) {
      const document = documents[at] as number;
      if (document < firstDoc || document >= endDoc) continue;
      const length = this.#lengths[document - firstDoc] as number;
      most = Math.max(most, this.#give(frequencies[at] as number, length));
    }
    return most;
  }
}

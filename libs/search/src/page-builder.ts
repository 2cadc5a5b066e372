import { type DocumentPage, type FacetName, facetNames, pageDocuments } from './document-page.ts';

/** Takes documents of one session one by one, and makes pages of them. */
export class PageBuilder {
  #firstDoc = 0;
  #lengths: number[] = [];
  #seqs: number[] = [];
  #times: number[] = [];
  #flags: number[] = [];
  readonly #values: string[] = [];
  readonly #idOf = new Map<string, number>();
  #ids: Record<FacetName, number[]> = { type: [], level: [], tool: [], status: [] };

  get isFull(): boolean {
    return this.#lengths.length === pageDocuments;
  }

  get isEmpty(): boolean {
    return this.#lengths.length === 0;
  }

  add(document: number, page: DocumentPage, at: number): void {
    if (this.isEmpty) this.#firstDoc = document;
    this.#lengths.push(page.lengths[at] as number);
    this.#seqs.push(page.seqs[at] as number);
    this.#times.push(page.times[at] as number);
    this.#flags.push(page.flags[at] as number);
    for (const name of facetNames) {
      const { values, ids } = page.facets[name];
      this.#ids[name].push(this.#idOfValue(values[ids[at] as number] ?? ''));
    }
  }

  take(): DocumentPage {
    const facetOf = (name: FacetName) => ({ values: this.#values, ids: this.#ids[name] });
    const page = {
      firstDoc: this.#firstDoc,
      count: this.#lengths.length,
      lengths: Uint32Array.from(this.#lengths),
      seqs: Float64Array.from(this.#seqs),
      times: Float64Array.from(this.#times),
      flags: Uint8Array.from(this.#flags),
      facets: {
        type: facetOf('type'),
        level: facetOf('level'),
        tool: facetOf('tool'),
        status: facetOf('status'),
      },
    };
    this.#lengths = [];
    this.#seqs = [];
    this.#times = [];
    this.#flags = [];
    this.#ids = { type: [], level: [], tool: [], status: [] };
    return page;
  }

  #idOfValue(value: string): number {
    const known = this.#idOf.get(value);
    if (known !== undefined) return known;
    this.#idOf.set(value, this.#values.length);
    this.#values.push(value);
    return this.#values.length - 1;
  }
}

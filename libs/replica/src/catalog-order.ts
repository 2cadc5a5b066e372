// Sessions in one order of the catalogue, in chunks: most are put at the end, and one may be put anywhere.
//
// (1) Of two tenants that share a shard both may have a session of one name, made at one time: then the tenant
//     tells which stands first, so that each is found where it was put.

import { assert } from '@tidemark/std';
import { type CatalogEntry, type CatalogPlace, comparePlaces, placeOn } from './catalog.ts';

const chunkMax = 512;

/** What stands in an order, by its entry. */
interface Standing {
  readonly entry: CatalogEntry;
}

/** A tenant comes behind no tenant. */
type OrderedPlace = CatalogPlace & { readonly tenant: string };

export class CatalogOrder<T extends Standing> {
  readonly #chunks: T[][] = [];
  readonly #shelf: string;

  /** Of a shelf: its order is that of all who have it. */
  constructor(shelf: string) {
    this.#shelf = shelf;
  }

  clear(): void {
    this.#chunks.length = 0;
  }

  add(standing: T): void {
    const place = this.#placeOf(standing);
    const at = this.#chunkOf(place);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([standing]);
      return;
    }
    let index = chunk.length;
    while (index > 0 && compare(this.#placeOf(chunk[index - 1] as T), place) > 0) index -= 1;
    chunk.splice(index, 0, standing);
    if (chunk.length <= chunkMax) return;
    this.#chunks.splice(at + 1, 0, chunk.splice(chunkMax / 2));
  }

  /** While its entry is the one that it was put by. */
  remove(standing: T): void {
    const at = this.#chunkOf(this.#placeOf(standing));
    const chunk = this.#chunks[at];
    const index = chunk?.indexOf(standing) ?? -1;
    assert(chunk !== undefined && index !== -1, 'whoever stands here is in the chunk of its place');
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** From a place on, and some before it. */
  *walk(order: 'asc' | 'desc', from: CatalogPlace | undefined): Generator<T> {
    const step = order === 'asc' ? 1 : -1;
    const edge = order === 'asc' ? 0 : this.#chunks.length - 1;
    const first = from === undefined ? edge : this.#chunkOf({ ...from, tenant: '' });
    for (let at = first; ; at += step) {
      const chunk = this.#chunks[at];
      if (chunk === undefined) return;
      yield* order === 'asc' ? chunk : chunk.toReversed();
    }
  }

  #placeOf({ entry }: T): OrderedPlace {
    const { atMs, name } = placeOn(this.#shelf, entry);
    return { atMs, name, tenant: entry.tenant };
  }

  /** The chunk that has, or would take, a place: the last one that begins no later; else the first. */
  #chunkOf(place: OrderedPlace): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = (this.#chunks[middle] as T[])[0] as T;
      if (compare(this.#placeOf(first), place) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function compare(one: OrderedPlace, other: OrderedPlace): number {
  const compared = comparePlaces(one, other);
  if (compared !== 0 || one.tenant === other.tenant) return compared;
  return one.tenant < other.tenant ? -1 : 1;
}

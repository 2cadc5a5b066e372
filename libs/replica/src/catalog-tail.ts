// The sessions of a shard that are not published as they are, in the order of the catalogue. Most are put
// at its end; chunks keep it cheap to put one anywhere.

import type { Aspects, StreamState } from '@tidemark/session';
import { assert } from '@tidemark/std';
import {
  type CatalogEntry,
  type CatalogPlace,
  type CatalogRange,
  comparePlaces,
  entryOf,
  isOnShelf,
} from './catalog.ts';
import type { FoldedSession } from './folded-session.ts';

const chunkMax = 512;

/** How a session stands here, and what that was told by. */
interface Standing {
  readonly session: FoldedSession;
  readonly stream: StreamState;
  aspects: Aspects;
  isClosed: boolean;
  entry: CatalogEntry;
}

export class CatalogTail {
  readonly #bySession = new Map<FoldedSession, Standing>();
  readonly #chunks: Standing[][] = [];

  get size(): number {
    return this.#bySession.size;
  }

  /** The session is what it is now, and not published so. Most records change nothing of how it stands. */
  changed(session: FoldedSession): void {
    const { stream } = session.state;
    const known = this.#bySession.get(session);
    if (known !== undefined && known.stream === stream) {
      const { aspects, isClosed } = stream;
      if (known.aspects === aspects && known.isClosed === isClosed) return;
    }
    const entry = entryOf(session.state);
    if (known !== undefined && known.stream === stream && entry !== undefined) {
      Object.assign(known, { aspects: stream.aspects, isClosed: stream.isClosed, entry });
      return;
    }
    this.remove(session);
    if (entry === undefined || stream === undefined) return;
    const { aspects, isClosed } = stream;
    this.#add({ session, stream, aspects, isClosed, entry });
  }

  remove(session: FoldedSession): void {
    const known = this.#bySession.get(session);
    if (known === undefined) return;
    this.#bySession.delete(session);
    const at = this.#chunkOf(known.entry);
    const chunk = this.#chunks[at];
    assert(chunk !== undefined, 'whoever stands here has a chunk');
    chunk.splice(chunk.indexOf(known), 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  clear(): void {
    this.#bySession.clear();
    this.#chunks.length = 0;
  }

  /** The first so many of one shelf. */
  take({ tenant, shelf, order, after }: CatalogRange, countMax: number): CatalogPlace[] {
    const taken: CatalogPlace[] = [];
    for (const { entry } of this.#walk(order, after)) {
      if (taken.length >= countMax) break;
      if (entry.tenant !== tenant || !isOnShelf(entry, shelf)) continue;
      const compared = after === undefined ? 0 : comparePlaces(entry, after);
      const isBehind = after === undefined || (order === 'asc' ? compared > 0 : compared < 0);
      if (isBehind) taken.push(entry);
    }
    return taken;
  }

  *#walk(order: 'asc' | 'desc', after: CatalogRange['after']): Generator<Standing> {
    const step = order === 'asc' ? 1 : -1;
    const edge = order === 'asc' ? 0 : this.#chunks.length - 1;
    for (let at = after === undefined ? edge : this.#chunkOf(after); ; at += step) {
      const chunk = this.#chunks[at];
      if (chunk === undefined) return;
      yield* order === 'asc' ? chunk : chunk.toReversed();
    }
  }

  #add(standing: Standing): void {
    this.#bySession.set(standing.session, standing);
    const at = this.#chunkOf(standing.entry);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([standing]);
      return;
    }
    let index = chunk.length;
    while (index > 0 && comparePlaces((chunk[index - 1] as Standing).entry, standing.entry) > 0) {
      index -= 1;
    }
    chunk.splice(index, 0, standing);
    if (chunk.length <= chunkMax) return;
    this.#chunks.splice(at + 1, 0, chunk.splice(chunkMax / 2));
  }

  /** The chunk that has, or would take, a place: the last one that begins no later; else the first. */
  #chunkOf(place: CatalogPlace): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = (this.#chunks[middle] as Standing[])[0] as Standing;
      if (comparePlaces(first.entry, place) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

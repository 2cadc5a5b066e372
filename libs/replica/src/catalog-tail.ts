// The sessions of a shard that are not published as they are, in the orders of the catalogue.

import type { Aspects, StreamState } from '@tidemark/session';
import {
  allShelf,
  type CatalogEntry,
  type CatalogPlace,
  type CatalogRange,
  changeShelf,
  comparePlaces,
  entryOf,
  isByChange,
  isOnShelf,
  placeOn,
} from './catalog.ts';
import { CatalogOrder } from './catalog-order.ts';
import type { FoldedSession } from './folded-session.ts';

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
  readonly #byMaking = new CatalogOrder<Standing>(allShelf);
  readonly #byChange = new CatalogOrder<Standing>(changeShelf(allShelf));

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
      this.#update(known, entry);
      return;
    }
    this.remove(session);
    if (entry === undefined || stream === undefined) return;
    const { aspects, isClosed } = stream;
    const standing = { session, stream, aspects, isClosed, entry };
    this.#bySession.set(session, standing);
    this.#byMaking.add(standing);
    this.#byChange.add(standing);
  }

  #update(known: Standing, entry: CatalogEntry): void {
    const { aspects, isClosed } = known.stream;
    const isMoved = known.entry.changedAtMs !== entry.changedAtMs;
    if (isMoved) this.#byChange.remove(known);
    Object.assign(known, { aspects, isClosed, entry });
    if (isMoved) this.#byChange.add(known);
  }

  remove(session: FoldedSession): void {
    const known = this.#bySession.get(session);
    if (known === undefined) return;
    this.#bySession.delete(session);
    this.#byMaking.remove(known);
    this.#byChange.remove(known);
  }

  clear(): void {
    this.#bySession.clear();
    this.#byMaking.clear();
    this.#byChange.clear();
  }

  /** The first so many of one shelf. */
  take({ tenant, shelf, order, after }: CatalogRange, countMax: number): CatalogPlace[] {
    const taken: CatalogPlace[] = [];
    const ordered = isByChange(shelf) ? this.#byChange : this.#byMaking;
    for (const { entry } of ordered.walk(order, after)) {
      if (taken.length >= countMax) break;
      if (entry.tenant !== tenant || !isOnShelf(entry, shelf)) continue;
      const place = placeOn(shelf, entry);
      const compared = after === undefined ? 0 : comparePlaces(place, after);
      const isBehind = after === undefined || (order === 'asc' ? compared > 0 : compared < 0);
      if (isBehind) taken.push(place);
    }
    return taken;
  }
}

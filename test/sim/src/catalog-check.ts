// What is listed of a shard, page by page, is what a scan finds there, in every order; each session once, where it
// stands now.

import {
  allShelf,
  type CatalogPlace,
  changeShelf,
  comparePlaces,
  placeOn,
  type ShardReplica,
  statusShelf,
} from '@tidemark/replica';
import { entryOf, isOnShelf } from '@tidemark/replica/testing';
import type { SessionState } from '@tidemark/session';

const pageMax = 3;
const shelves = [allShelf, statusShelf('running'), statusShelf('terminated')].flatMap((shelf) => [
  shelf,
  changeShelf(shelf),
]);

export async function catalogFaults(replica: ShardReplica): Promise<readonly string[]> {
  const states: SessionState[] = [];
  for await (const state of replica.scan('')) states.push(state);
  const faults: string[] = [];
  for (const tenant of new Set(states.map((state) => state.tenant))) {
    const own = states.filter((state) => state.tenant === tenant);
    for (const shelf of shelves) {
      const expected = namesIn(placesOf(own, shelf));
      for (const order of ['asc', 'desc'] as const) {
        const listed = await listOf(replica, { tenant, shelf, order, states: own });
        const told = namesIn(order === 'asc' ? listed : listed.toReversed());
        if (told !== expected) {
          faults.push(`shelf ${shelf} of ${tenant} lists ${told} ${order}, there is ${expected}`);
        }
      }
    }
  }
  return faults;
}

const namesIn = (places: readonly CatalogPlace[]): string => places.map(({ name }) => name).join();

function placesOf(states: readonly SessionState[], shelf: string): readonly CatalogPlace[] {
  return states
    .map(entryOf)
    .filter((entry) => entry !== undefined && isOnShelf(entry, shelf))
    .map((entry) => placeOn(shelf, entry as NonNullable<typeof entry>))
    .sort(comparePlaces);
}

/** As the read role goes on, and looks at each. */
async function listOf(
  replica: ShardReplica,
  {
    tenant,
    shelf,
    order,
    states,
  }: {
    readonly tenant: string;
    readonly shelf: string;
    readonly order: 'asc' | 'desc';
    readonly states: readonly SessionState[];
  },
): Promise<readonly CatalogPlace[]> {
  const byName = new Map(states.map((state) => [state.name, entryOf(state)]));
  const listed: CatalogPlace[] = [];
  let after: CatalogPlace | undefined;
  do {
    const page = await replica.catalog({ tenant, shelf, order, after }, pageMax);
    for (const place of page) {
      const entry = byName.get(place.name);
      const isThere = entry !== undefined && isOnShelf(entry, shelf);
      if (isThere && placeOn(shelf, entry).atMs === place.atMs) listed.push(place);
    }
    after = page.at(-1);
  } while (after !== undefined);
  return listed;
}

// The catalogue of a tenant's sessions: by the time of their making, or of the last change of their state, in both
// orders, all of them or those of one status or agent. Its rows are published beside the sessions; what is not
// published yet is kept in order in memory.
//
//   shelf := 'a'                    every session
//          | 's' status             those with that status
//          | 'g' agent              those of that agent
//          | 'w'                    those that a worker has to do with: a turn waits, or runs
//          | 'd'                    those whose events are delivered to somebody
//          | 'm' shelf              those of 'a', 's' or 'g', by the last change of their state
//   row   := tenant '/' shelf ' ' ms (15 digits) ' ' name
//
// (1) A session stands once on each of its shelves: where it was made, at a place that does not change while it
//     lives; on those by change, at the last one, which no change comes before.
// (2) What a shelf says of a session may be older than the session, its place as well: whoever lists looks at the
//     session, and tells it where it stands now.

import { isThreadName } from '@tidemark/protocol';
import { owesDelivery, type SessionState } from '@tidemark/session';
import { compareText } from '@tidemark/std';

export interface CatalogEntry {
  readonly tenant: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  readonly status: string;
  readonly agentId: string | undefined;
  readonly hasTurn: boolean;
  readonly isDelivered: boolean;
}

/** Where a session stands in the order. */
export interface CatalogPlace {
  readonly atMs: number;
  readonly name: string;
}

export interface CatalogRange {
  readonly tenant: string;
  readonly shelf: string;
  readonly order: 'asc' | 'desc';
  /** Behind this place in the order; from its beginning where there is none. */
  readonly after: CatalogPlace | undefined;
}

const placeDigits = 15;

export const allShelf = 'a';
export const statusShelf = (status: string): string => `s${status}`;
/** Whatever an agent is called: nothing in it ends the name of its shelf. */
export const agentShelf = (agentId: string): string => `g${encodeURIComponent(agentId)}`;

const byChange = 'm';
/** A shelf of all, of a status or of an agent, in the order of the last changes of state. */
export const changeShelf = (shelf: string): string => `${byChange}${shelf}`;
export const isByChange = (shelf: string): boolean => shelf.startsWith(byChange);

export const turnShelf = 'w';
export const deliveryShelf = 'd';

/** Undefined where it is none that is listed. */
export function entryOf({ tenant, name, life, stream }: SessionState): CatalogEntry | undefined {
  if (life !== 'live' || stream?.isJson !== true) return undefined;
  if (name.startsWith('$') || isThreadName(name)) return undefined;
  const { activity, profile, lifecycle, turns, outbox } = stream.aspects;
  const isOver = stream.isClosed || lifecycle.archivedAtMs !== undefined;
  const agentId = profile.agent?.['id'];
  return {
    tenant,
    name,
    createdAtMs: stream.createdAtMs,
    changedAtMs: stream.stateChangedAtMs,
    status: isOver ? 'terminated' : activity.status,
    agentId: typeof agentId === 'string' ? agentId : undefined,
    hasTurn: !isOver && (turns.running !== undefined || turns.waitingSeq !== undefined),
    isDelivered:
      outbox.destinations.length > 0 && (!isOver || owesDelivery(outbox, stream.tailSeq)),
  };
}

/** Those who want the idle ones find them among all. */
function shelvesOf({ status, agentId, hasTurn, isDelivered }: CatalogEntry): readonly string[] {
  const inBothOrders = [
    allShelf,
    ...(status === 'idle' ? [] : [statusShelf(status)]),
    ...(agentId === undefined ? [] : [agentShelf(agentId)]),
  ];
  return [
    ...inBothOrders,
    ...inBothOrders.map(changeShelf),
    ...(hasTurn ? [turnShelf] : []),
    ...(isDelivered ? [deliveryShelf] : []),
  ];
}

export const placeOn = (
  shelf: string,
  { createdAtMs, changedAtMs, name }: Pick<CatalogEntry, 'createdAtMs' | 'changedAtMs' | 'name'>,
): CatalogPlace => ({ atMs: isByChange(shelf) ? changedAtMs : createdAtMs, name });

export const isOnShelf = (entry: CatalogEntry, shelf: string): boolean =>
  shelvesOf(entry).includes(shelf);

const shelfPrefix = (tenant: string, shelf: string): string => `${tenant}/${shelf} `;

const rowOf = (prefix: string, { atMs, name }: CatalogPlace): string =>
  `${prefix}${String(atMs).padStart(placeDigits, '0')} ${name}`;

/** The rows of a session that is listed; none of one that is not. */
export function rowsOf(entry: CatalogEntry | undefined): readonly string[] {
  if (entry === undefined) return [];
  return shelvesOf(entry).map((shelf) =>
    rowOf(shelfPrefix(entry.tenant, shelf), placeOn(shelf, entry)),
  );
}

/** What all rows of a range begin with, and where it begins. */
export function rowRange({ tenant, shelf, after }: CatalogRange): {
  readonly prefix: string;
  readonly after: string | undefined;
} {
  const prefix = shelfPrefix(tenant, shelf);
  return { prefix, after: after && rowOf(prefix, after) };
}

export function placeOfRow(row: string, prefix: string): CatalogPlace {
  const rest = row.slice(prefix.length);
  return {
    atMs: Number(rest.slice(0, placeDigits)),
    name: rest.slice(placeDigits + 1),
  };
}

export function comparePlaces(one: CatalogPlace, other: CatalogPlace): number {
  const difference = one.atMs - other.atMs;
  if (difference !== 0) return difference;
  return compareText(one.name, other.name);
}

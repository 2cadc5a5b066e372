// The catalogue of a tenant's sessions: by the time of their making, in both orders, all of them or those
// of one status or agent. Its rows are published beside the sessions; what is not published yet is kept in
// order in memory.
//
//   shelf := 'a'                    every session
//          | 's' status             those with that status
//          | 'g' agent              those of that agent
//          | 'w'                    those that a worker has to do with: a turn waits, or runs
//          | 'd'                    those whose events are delivered to somebody
//   row   := tenant '/' shelf ' ' created-ms (15 digits) ' ' name
//
// (1) A session stands once on each of its shelves, at a place that does not change while it lives.
// (2) What a shelf says of a session may be older than the session: whoever lists looks at the session.

import { isThreadName } from '@tidemark/protocol';
import { owesDelivery, type SessionState } from '@tidemark/session';
import { bytesOf } from '@tidemark/std';

export interface CatalogEntry {
  readonly tenant: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly status: string;
  readonly agentId: string | undefined;
  readonly hasTurn: boolean;
  readonly isDelivered: boolean;
}

/** Where a session stands in the order. */
export type CatalogPlace = Pick<CatalogEntry, 'createdAtMs' | 'name'>;

export interface CatalogRange {
  readonly tenant: string;
  readonly shelf: string;
  readonly order: 'asc' | 'desc';
  /** Behind this place in the order; from its beginning where there is none. */
  readonly after: CatalogPlace | undefined;
}

const createdDigits = 15;

export const allShelf = 'a';
export const statusShelf = (status: string): string => `s${status}`;
/** Whatever an agent is called: nothing in it ends the name of its shelf. */
export const agentShelf = (agentId: string): string => `g${encodeURIComponent(agentId)}`;

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
    status: isOver ? 'terminated' : activity.status,
    agentId: typeof agentId === 'string' ? agentId : undefined,
    hasTurn: !isOver && (turns.running !== undefined || turns.waitingSeq !== undefined),
    isDelivered:
      outbox.destinations.length > 0 && (!isOver || owesDelivery(outbox, stream.tailSeq)),
  };
}

/** Those who want the idle ones find them among all. */
const shelvesOf = ({ status, agentId, hasTurn, isDelivered }: CatalogEntry): readonly string[] => [
  allShelf,
  ...(status === 'idle' ? [] : [statusShelf(status)]),
  ...(agentId === undefined ? [] : [agentShelf(agentId)]),
  ...(hasTurn ? [turnShelf] : []),
  ...(isDelivered ? [deliveryShelf] : []),
];

export const isOnShelf = (entry: CatalogEntry, shelf: string): boolean =>
  shelvesOf(entry).includes(shelf);

const shelfPrefix = (tenant: string, shelf: string): string => `${tenant}/${shelf} `;

export const rowOf = (prefix: string, { createdAtMs, name }: CatalogPlace): string =>
  `${prefix}${String(createdAtMs).padStart(createdDigits, '0')} ${name}`;

/** The rows of a session that is listed; none of one that is not. */
export function rowsOf(entry: CatalogEntry | undefined): readonly string[] {
  if (entry === undefined) return [];
  return shelvesOf(entry).map((shelf) => rowOf(shelfPrefix(entry.tenant, shelf), entry));
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
    createdAtMs: Number(rest.slice(0, createdDigits)),
    name: rest.slice(createdDigits + 1),
  };
}

export function comparePlaces(one: CatalogPlace, other: CatalogPlace): number {
  const difference = one.createdAtMs - other.createdAtMs;
  if (difference !== 0) return difference;
  return one.name === other.name ? 0 : Buffer.compare(bytesOf(one.name), bytesOf(other.name));
}

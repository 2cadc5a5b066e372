// The sessions of a tenant, page by page, by the time of their making, or of the last change of their state. Whatever
// shelf of the catalogue they are found on, each is looked at before it is told, and told where it stands then: one
// that has moved on meanwhile is not told at its former place.

import { type EdgeRequest, parameterOf, queryOf } from '@tidemark/edge';
import { Problem, type SessionName } from '@tidemark/protocol';
import {
  agentShelf,
  allShelf,
  type CatalogPlace,
  changeShelf,
  comparePlaces,
  type FoldedSession,
  placeOn,
  type ShardReplica,
  shardsOf,
  statusShelf,
  type Tenant,
} from '@tidemark/replica';
import { isDue } from '@tidemark/session';
import {
  type Fields,
  isWithin,
  type LiveSession,
  liveSessionOf,
  metadataIn,
  type Order,
  pageText,
  parseLimit,
  parseOrder,
  parsePage,
  parseTimeRange,
  sessionObject,
  type TimeRange,
  valuesOf,
} from '@tidemark/sessions-api';
import type { SessionReadParts } from './parts.ts';

const limitBounds = { fallback: 20, max: 1_000 };
/** Places that are looked at in one step. */
const stepMax = 256;

interface ListRequest {
  readonly order: Order;
  readonly isByChange: boolean;
  readonly limit: number;
  readonly after: CatalogPlace | undefined;
  readonly created: TimeRange;
  readonly statuses: ReadonlySet<string>;
  readonly agentId: string | undefined;
  readonly agentVersion: string | undefined;
  /** In lower case: whose name has it. */
  readonly agentName: string | undefined;
  readonly metadata: readonly (readonly [string, string])[];
  readonly includesArchived: boolean;
}

function parseList(query: URLSearchParams): ListRequest {
  const order = parseOrder(parameterOf(query, 'order'), 'desc');
  const isByChange = isOrderedByChange(parameterOf(query, 'order_by'));
  return {
    order,
    isByChange,
    limit: parseLimit(parameterOf(query, 'limit'), limitBounds),
    after: placeIn(parsePage(parameterOf(query, 'page'), order), isByChange),
    created: parseTimeRange(query, 'created_at'),
    statuses: new Set(valuesOf(query, 'statuses')),
    agentId: parameterOf(query, 'agent_id'),
    agentVersion: parameterOf(query, 'agent_version'),
    agentName: parameterOf(query, 'agent_name')?.toLowerCase(),
    metadata: metadataIn(query),
    includesArchived: parameterOf(query, 'include_archived') === 'true',
  };
}

function isOrderedByChange(text: string | undefined): boolean {
  if (text === undefined || text === '' || text === 'created_at') return false;
  if (text === 'state_changed_at') return true;
  throw new Problem('invalid-request', 'order_by is created_at or state_changed_at');
}

const placeText = ({ atMs, name }: CatalogPlace): string => `${atMs} ${name}`;
/** What a page of sessions by change begins with. */
const changeMark = '~';

function placeIn(text: string | undefined, isByChange: boolean): CatalogPlace | undefined {
  if (text === undefined) return undefined;
  const [, mark, at, name] = /^(~?)(\d{1,15}) (.+)$/s.exec(text) ?? [];
  if (name === undefined) throw new Problem('invalid-request', 'page is none of ours');
  if ((mark === changeMark) !== isByChange) {
    throw new Problem('invalid-request', 'page is of the other order_by');
  }
  return { atMs: Number(at), name };
}

/** The shelf on which all stand that are asked for, and as few others as can be. */
function shelfFor({ statuses, agentId, isByChange }: ListRequest): string {
  const [status, ...others] = statuses;
  const isOne = status !== undefined && others.length === 0 && status !== 'idle';
  const ofStatus = isOne ? statusShelf(status) : allShelf;
  const shelf = agentId === undefined ? ofStatus : agentShelf(agentId);
  return isByChange ? changeShelf(shelf) : shelf;
}

export async function listSessions(parts: SessionReadParts, request: EdgeRequest): Promise<Fields> {
  const tenant = await parts.tenancy.tenantOf(request);
  const query = queryOf(request.raw.url ?? '');
  return sessionPage(parts, tenant, { query, objectOf: sessionObject });
}

/** Sessions in whatever words; one that has none there is left out. */
export async function sessionPage(
  parts: SessionReadParts,
  tenant: Tenant,
  {
    query,
    objectOf,
  }: {
    readonly query: URLSearchParams;
    readonly objectOf: (live: LiveSession) => Fields | undefined;
  },
): Promise<Fields> {
  const asked = parseList(query);
  const replicas = shardsOf(tenant).map((shard) => parts.shards.replica(tenant, shard));
  await Promise.all(replicas.map((replica) => replica.readIndex()));
  const data: Fields[] = [];
  let after = startOf(asked);
  let last: CatalogPlace | undefined;
  for (;;) {
    const places = await placesBehind(replicas, { tenant, asked, after });
    for (const [place, object] of await lookAt(parts, { tenant, asked, objectOf, places })) {
      if (object === undefined) continue;
      // One more than was asked for tells that there is another page.
      if (data.length === asked.limit) return pageOf(asked, data, last);
      data.push(object);
      last = place;
    }
    after = places.at(-1);
    if (after === undefined || isBeyond(asked, after)) return pageOf(asked, data, undefined);
  }
}

function pageOf(
  { order, isByChange }: ListRequest,
  data: readonly Fields[],
  last: CatalogPlace | undefined,
): Fields {
  const at = last && `${isByChange ? changeMark : ''}${placeText(last)}`;
  return { data, next_page: at === undefined ? null : pageText(order, at), prev_page: null };
}

/** Where what was made in that time begins; by change they stand anywhere. */
function startOf({ order, isByChange, after, created }: ListRequest): CatalogPlace | undefined {
  const edge = order === 'asc' ? created.fromMs : created.toMs;
  if (isByChange || !Number.isFinite(edge)) return after;
  // No name is empty: every session of that millisecond is behind this place.
  const bound = { atMs: edge, name: '' };
  if (after === undefined) return bound;
  const isFarther =
    order === 'asc' ? comparePlaces(after, bound) > 0 : comparePlaces(after, bound) < 0;
  return isFarther ? after : bound;
}

function isBeyond({ order, isByChange, created }: ListRequest, { atMs }: CatalogPlace): boolean {
  if (isByChange) return false;
  return order === 'asc' ? atMs >= created.toMs : atMs < created.fromMs;
}

interface Step {
  readonly tenant: Tenant;
  readonly asked: ListRequest;
}

/** Of all shards together, the next ones in order. */
async function placesBehind(
  replicas: readonly ShardReplica[],
  { tenant, asked, after }: Step & { readonly after: CatalogPlace | undefined },
): Promise<readonly CatalogPlace[]> {
  const { order, limit } = asked;
  const range = { tenant: tenant.id, shelf: shelfFor(asked), order, after };
  const count = Math.min(stepMax, limit + 1);
  const found = await Promise.all(replicas.map((replica) => replica.catalog(range, count)));
  const sign = order === 'asc' ? 1 : -1;
  return found
    .flat()
    .sort((one, other) => sign * comparePlaces(one, other))
    .slice(0, count);
}

/** Each place with its session as it is now, where it is one that was asked for. */
async function lookAt(
  { shards }: SessionReadParts,
  {
    tenant,
    asked,
    objectOf,
    places,
  }: Step & {
    readonly objectOf: (live: LiveSession) => Fields | undefined;
    readonly places: readonly CatalogPlace[];
  },
): Promise<readonly (readonly [CatalogPlace, Fields | undefined])[]> {
  const byReplica = new Map<ShardReplica, Set<string>>();
  // A session may be found twice, where it stands and where it is published to have stood: it is held once.
  for (const { name } of places) {
    const { replica, key } = shards.locate(tenant, name as SessionName);
    byReplica.set(replica, (byReplica.get(replica) ?? new Set()).add(key));
  }
  const nowMs = shards.parts.clock.nowMs();
  const objects = new Map<string, Fields | undefined>();
  await Promise.all(
    [...byReplica].map(async ([replica, keys]) => {
      const held = await replica.hold([...keys]);
      try {
        for (const session of held) {
          const { name, stream } = session.state;
          const { createdAtMs = 0, stateChangedAtMs: changedAtMs = 0 } = stream ?? {};
          // What was made again under its name, or has changed, stands elsewhere now.
          const place = placeOn(shelfFor(asked), { createdAtMs, changedAtMs, name });
          objects.set(placeText(place), wantedOf(session, asked, nowMs)?.(objectOf));
        }
      } finally {
        for (const session of held) replica.letGo(session);
      }
    }),
  );
  return places.map((place) => [place, objects.get(placeText(place))]);
}

/** Tells the session, where it is one that was asked for. */
function wantedOf(
  { state }: FoldedSession,
  asked: ListRequest,
  nowMs: number,
): ((objectOf: (live: LiveSession) => Fields | undefined) => Fields | undefined) | undefined {
  const { stream, life } = state;
  if (life !== 'live' || stream?.isJson !== true || isDue(state, nowMs)) return undefined;
  const { profile, lifecycle } = stream.aspects;
  if (lifecycle.archivedAtMs !== undefined && !asked.includesArchived) return undefined;
  if (!isWithin(asked.created, stream.createdAtMs)) return undefined;
  const { agent, metadata } = profile;
  if (asked.agentId !== undefined && agent?.['id'] !== asked.agentId) return undefined;
  const version = asked.agentVersion;
  if (version !== undefined && String(agent?.['version']) !== version) return undefined;
  if (asked.agentName !== undefined && !nameOf(agent).includes(asked.agentName)) return undefined;
  if (asked.metadata.some(([key, value]) => metadata[key] !== value)) return undefined;
  return (objectOf) => {
    const object = objectOf(liveSessionOf(state, stream, nowMs));
    const isStatus = asked.statuses.size === 0 || asked.statuses.has(String(object?.['status']));
    return isStatus ? object : undefined;
  };
}

function nameOf(agent: Fields | undefined): string {
  const name = agent?.['name'];
  return typeof name === 'string' ? name.toLowerCase() : '';
}

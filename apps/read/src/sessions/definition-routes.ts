import { type Edge, type EdgeRequest, parameterOf, parseNatural, queryOf } from '@tidemark/edge';
import { Problem } from '@tidemark/protocol';
import { keyOf, shardsOf, spaceOf, type Tenant } from '@tidemark/replica';
import {
  agents,
  type DefinitionKind,
  definitionPrefix,
  definitionSession,
  environments,
  type Fields,
  pageText,
  parseLimit,
  parseOrder,
  parsePage,
} from '@tidemark/sessions-api';
import { textOf } from '@tidemark/std';
import { StreamView } from '../stream-view.ts';
import { parameterIn, type SessionReadParts } from './parts.ts';

const limitBounds = { fallback: 20, max: 1_000 };

export function addDefinitionReads(edge: Edge, parts: SessionReadParts): void {
  for (const kind of [agents, environments]) addKind(edge, parts, kind);
}

function addKind(edge: Edge, parts: SessionReadParts, kind: DefinitionKind): void {
  const { tenancy } = parts;

  edge.get(kind.path, async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    return reply.send(
      await listDefinitions(parts, tenant, { kind, query: queryOf(request.raw.url ?? '') }),
    );
  });

  edge.get(`${kind.path}/:id`, async (request, reply) => {
    const version = parameterOf(queryOf(request.raw.url ?? ''), 'version');
    using view = await openDefinition(parts, kind, request);
    const seq = version === undefined ? view.present.tailSeq : parseNatural(version, 'version');
    const [definition] = await versions(parts, view, [seq - 1, seq]);
    if (definition === undefined) throw noSuch();
    return reply.send(definition);
  });

  if (kind.type !== 'agent') return;
  edge.get(`${kind.path}/:id/versions`, async (request, reply) => {
    const query = queryOf(request.raw.url ?? '');
    const limit = parseLimit(parameterOf(query, 'limit'), limitBounds);
    using view = await openDefinition(parts, kind, request);
    const page = parsePage(parameterOf(query, 'page'), 'desc');
    const end = page === undefined ? view.present.tailSeq : parseNatural(page, 'page');
    const first = Math.max(0, end - limit);
    const data = (await versions(parts, view, [first, end])).reverse();
    return reply.send({ data, next_page: first === 0 ? null : pageText('desc', String(first)) });
  });
}

const noSuch = (): Problem => new Problem('not-found', 'there is nothing of this id');

/** What is kept under `$` is nobody's to read but by these paths. */
export async function openDefinition(
  parts: SessionReadParts,
  kind: DefinitionKind,
  request: EdgeRequest,
): Promise<StreamView> {
  const tenant = await parts.tenancy.tenantOf(request);
  const name = definitionSession(kind, parameterIn(request, 'id')) as Parameters<
    typeof StreamView.open
  >[2]['name'];
  return StreamView.open(parts, tenant, { name, mustBeCurrent: true });
}

export async function versions(
  { shards }: SessionReadParts,
  view: StreamView,
  [first, end]: readonly [number, number],
): Promise<Fields[]> {
  const found: Fields[] = [];
  const last = Math.min(end, view.present.tailSeq);
  for (let seq = Math.max(0, first); seq < last; ) {
    const bounds = { position: seq, bytesMax: 4 * 1_024 * 1_024, eventsMax: last - seq };
    const bodies = (await shards.reader.read(view.source, bounds)).split();
    found.push(...bodies.map((body) => JSON.parse(textOf(body)) as Fields));
    seq += bodies.length;
  }
  return found;
}

/** A tenant has few of these: all are looked at, and put in order. */
export async function listDefinitions(
  parts: SessionReadParts,
  tenant: Tenant,
  { kind, query }: { readonly kind: DefinitionKind; readonly query: URLSearchParams },
): Promise<Fields> {
  const order = parseOrder(parameterOf(query, 'order'), 'desc');
  const limit = parseLimit(parameterOf(query, 'limit'), limitBounds);
  const after = parsePage(parameterOf(query, 'page'), order);
  const isWanted = (definition: Fields): boolean =>
    definition['archived_at'] === null || parameterOf(query, 'include_archived') === 'true';
  const placeOf = ({ created_at: at, id }: Fields): string => `${String(at)} ${String(id)}`;
  const sign = order === 'asc' ? 1 : -1;
  const compare = (one: string, other: string): number => sign * (one < other ? -1 : 1);
  const found = (await allDefinitions(parts, tenant, definitionPrefix(kind))).filter(isWanted);
  found.sort((one, other) => compare(placeOf(one), placeOf(other)));
  const rest = found.filter((each) => after === undefined || compare(placeOf(each), after) > 0);
  const data = rest.slice(0, limit);
  const last = data.at(-1);
  const isMore = rest.length > limit && last !== undefined;
  return { data, next_page: isMore ? pageText(order, placeOf(last)) : null };
}

/** The newest version of whatever lies under names that begin so. */
export async function allDefinitions(
  parts: SessionReadParts,
  tenant: Tenant,
  namePrefix: string,
): Promise<Fields[]> {
  const names: string[] = [];
  const prefix = keyOf(spaceOf(tenant), tenant.id, namePrefix);
  for (const shard of shardsOf(tenant)) {
    const replica = parts.shards.replica(tenant, shard);
    await replica.readIndex();
    for await (const { name, life } of replica.scan(prefix)) if (life === 'live') names.push(name);
  }
  const found: Fields[] = [];
  for (const name of names) {
    const opened = {
      name: name as Parameters<typeof StreamView.open>[2]['name'],
      mustBeCurrent: false,
    };
    using view = await StreamView.open(parts, tenant, opened);
    const { tailSeq } = view.present;
    found.push(...(await versions(parts, view, [tailSeq - 1, tailSeq])));
  }
  return found;
}

import { bodyOf, type Edge, type EdgeRequest } from '@tidemark/edge';
import { jsonContentType, Problem } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import { liveStream } from '@tidemark/session';
import {
  agents,
  archivedDefinition,
  changedDefinition,
  type DefinitionKind,
  definitionSession,
  environments,
  type Fields,
  fieldsOf,
  idOf,
  newDefinition,
} from '@tidemark/sessions-api';
import { bytesOf, textOf } from '@tidemark/std';
import { parameterIn, type SessionWriteParts } from './parts.ts';

export function addDefinitionWrites(edge: Edge, parts: SessionWriteParts): void {
  for (const kind of [agents, environments]) addKind(edge, parts, kind);
}

function addKind(edge: Edge, parts: SessionWriteParts, kind: DefinitionKind): void {
  const { tenancy, writes, writers, shards } = parts;
  const nowMs = (): number => shards.parts.clock.nowMs();

  edge.post(kind.path, async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const id = idOf(kind.idKind, writers.newId());
    const definition = newDefinition(kind, fieldsOf(bodyOf(request)), { id, nowMs: nowMs() });
    await writes.create(tenant, definitionSession(kind, id), {
      contentType: jsonContentType,
      ttlMs: undefined,
      expiresAtMs: undefined,
      isClosed: false,
      fork: undefined,
      events: [bytesOf(JSON.stringify(definition))],
    });
    return reply.send(definition);
  });

  edge.post(`${kind.path}/:id`, async (request, reply) => {
    const fields = fieldsOf(bodyOf(request));
    const next = await replace(parts, await targetOf(parts, kind, request), (known) => {
      const { version } = fields;
      if (version !== undefined && version !== null && version !== known['version']) {
        throw new Problem('seq-conflict', 'there is a newer version', {
          facts: { tailSeq: Number(known['version']) },
        });
      }
      return changedDefinition(kind, known, { fields, nowMs: nowMs() });
    });
    return reply.send(next);
  });

  edge.post(`${kind.path}/:id/archive`, async (request, reply) => {
    const target = await targetOf(parts, kind, request);
    return reply.send(await replace(parts, target, (known) => archivedDefinition(known, nowMs())));
  });

  if (kind.type !== 'environment') return;
  edge.delete(`${kind.path}/:id`, async (request, reply) => {
    const { tenant, name, id } = await targetOf(parts, kind, request);
    await writes.delete(tenant, name);
    return reply.send({ id, type: `${kind.type}_deleted` });
  });
}

export interface Target {
  readonly tenant: Tenant;
  readonly name: string;
  readonly id: string;
}

async function targetOf(
  { tenancy }: SessionWriteParts,
  kind: DefinitionKind,
  request: EdgeRequest,
): Promise<Target> {
  const tenant = await tenancy.tenantOf(request);
  const id = parameterIn(request, 'id');
  return { tenant, name: definitionSession(kind, id), id };
}

/** As it is kept newest, or in one version. */
export async function definitionOf(
  { shards }: SessionWriteParts,
  { tenant, name }: Pick<Target, 'tenant' | 'name'>,
  version?: number,
): Promise<{ readonly definition: Fields; readonly seq: number } | undefined> {
  const { replica, key } = shards.locate(tenant, name);
  await replica.readIndex();
  return replica.with(key, async (session) => {
    const stream = liveStream(session.state);
    if (stream instanceof Problem) return undefined;
    const seq = (version ?? stream.tailSeq) - 1;
    const bounds = { position: seq, bytesMax: 0, eventsMax: 1 };
    if (seq < 0 || seq >= stream.tailSeq) return undefined;
    const [body] = (await shards.reader.read({ replica, session }, bounds)).split();
    return body && { definition: JSON.parse(textOf(body)) as Fields, seq };
  });
}

/** A change on what is there: nobody else's comes between. */
export async function replace(
  parts: SessionWriteParts,
  { tenant, name }: Target,
  change: (known: Fields) => Fields,
): Promise<Fields> {
  const known = await definitionOf(parts, { tenant, name });
  if (known === undefined) throw new Problem('not-found', 'there is nothing of this id');
  const next = change(known.definition);
  await parts.writes.append(tenant, name, {
    kind: 'append',
    contentType: jsonContentType,
    close: false,
    events: [bytesOf(JSON.stringify(next))],
    matchSeq: known.seq + 1,
  });
  return next;
}

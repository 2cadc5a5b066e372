// Agents under `/v3`: those of `/v1/agents`, in the words of another API. One is made once by its name:
// whoever makes it again changes it, where something has changed.

import { agentObject, changedAgent, newAgent } from '@tidemark/agents-api';
import { bodyOf, type Edge } from '@tidemark/edge';
import { hasCode, isProblem, jsonContentType, Problem } from '@tidemark/protocol';
import {
  agents,
  archivedDefinition,
  definitionSession,
  type Fields,
  fieldsOf,
  idOf,
  requiredText,
} from '@tidemark/sessions-api';
import { bytesOf } from '@tidemark/std';
import { definitionOf, replace, type Target } from '../sessions/definition-routes.ts';
import { parameterIn } from '../sessions/parts.ts';
import { digestOf } from '../sessions/session-routes.ts';
import { type Credentials, storedKey } from './credential-store.ts';
import type { RunParts } from './parts.ts';

export function addAgentWrites(edge: Edge, parts: RunParts): void {
  const { tenancy } = parts;
  const nowMs = (): number => parts.shards.parts.clock.nowMs();

  const targetOf = (tenant: Target['tenant'], id: string): Target => ({
    tenant,
    id,
    name: definitionSession(agents, id),
  });

  edge.post('/v3/agents', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const fields = await withCredential(parts.credentials, tenant, fieldsOf(bodyOf(request)));
    const own = requiredText(fields, 'name', 512);
    const id = idOf('agent', digestOf(tenant.id, `agent\n${own}`));
    const target = targetOf(tenant, id);
    const agent = newAgent(fields, { id, nowMs: nowMs() });
    const isNew = await create(parts, target, agent);
    const kept = isNew ? agent : await change(parts, target, fields);
    return reply.code(isNew ? 201 : 200).send(agentObject(kept));
  });

  edge.patch('/v3/agents/:id', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const fields = await withCredential(parts.credentials, tenant, fieldsOf(bodyOf(request)));
    const next = await change(parts, targetOf(tenant, parameterIn(request, 'id')), fields);
    return reply.send(agentObject(next));
  });

  edge.post('/v3/agents/:id/archive', async (request, reply) => {
    const target = targetOf(await tenancy.tenantOf(request), parameterIn(request, 'id'));
    const next = await replace(parts, target, (known) => archivedDefinition(known, nowMs()));
    return reply.send(agentObject(next));
  });
}

/** A key that is sent with an agent is kept apart from it. */
async function withCredential(
  credentials: Credentials,
  tenant: Target['tenant'],
  fields: Fields,
): Promise<Fields> {
  const { key, ...rest } = fields;
  if (key === undefined || key === null) {
    const { credential } = rest;
    if (typeof credential === 'string') await credentials.check(tenant, credential);
    return rest;
  }
  if (rest['credential'] !== undefined) {
    throw new Problem('invalid-request', 'an agent has a key or a credential, not both');
  }
  const provider = fields['runtime'] === 'codex' ? 'openai' : 'anthropic';
  const { id } = await credentials.create(tenant, { ...storedKey(fields), provider });
  return { ...rest, credential: id };
}

async function create(
  { writes }: RunParts,
  { tenant, name }: Target,
  agent: Fields,
): Promise<boolean> {
  const created = await writes.create(tenant, name, {
    contentType: jsonContentType,
    ttlMs: undefined,
    expiresAtMs: undefined,
    isClosed: false,
    fork: undefined,
    events: [bytesOf(JSON.stringify(agent))],
  });
  return created.isNew;
}

const attemptsMax = 4;

/** Whoever changes it meanwhile goes first. */
async function change(parts: RunParts, target: Target, fields: Fields): Promise<Fields> {
  const nowMs = parts.shards.parts.clock.nowMs();
  for (let attempt = 1; ; attempt += 1) {
    const known = await definitionOf(parts, target);
    if (known === undefined) throw new Problem('not-found', 'there is no such agent');
    if (known.definition['archived_at'] !== null) {
      throw new Problem('invalid-request', 'the agent is archived');
    }
    const next = changedAgent(known.definition, fields, nowMs);
    if (next === undefined) return known.definition;
    try {
      return await replace(parts, target, (now) => changedAgent(now, fields, nowMs) ?? now);
    } catch (cause) {
      const isLate = isProblem(cause) && hasCode(cause, 'seq-conflict');
      if (!isLate || attempt >= attemptsMax) throw cause;
    }
  }
}

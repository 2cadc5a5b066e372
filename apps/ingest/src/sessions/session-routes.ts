import { createHash } from 'node:crypto';
import { bodyOf, type Edge, type EdgeReply, type EdgeRequest, tokenOf } from '@tidemark/edge';
import { jsonContentType, Problem, type SessionName } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import {
  decideAct,
  decideDeleteSession,
  decideUpdate,
  type LifecycleAct,
  type ProfilePatch,
} from '@tidemark/session';
import {
  type AgentReference,
  agentSnapshot,
  agents,
  type CreateSession,
  definitionSession,
  type Fields,
  idOf,
  newSessionName,
  parseCreateSession,
  parseUpdateSession,
  sessionObject,
  sessionPrefixes,
} from '@tidemark/sessions-api';
import { definitionOf } from './definition-routes.ts';
import {
  type SessionWriteParts,
  type Subject,
  sessionIn,
  subjectOf,
  submit,
  tell,
} from './parts.ts';

/** In the words of the path. */
const acts: readonly LifecycleAct[] = ['start', 'pause', 'resume', 'end', 'archive'];

export function addSessionWrites(edge: Edge, parts: SessionWriteParts): void {
  for (const prefix of sessionPrefixes) {
    edge.post(prefix, (request, reply) => createByPost(parts, request, reply));
    edge.put(`${prefix}/:session`, (request, reply) => createByPut(parts, request, reply));
    edge.post(`${prefix}/:session`, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      await update(parts, subject, bodyOf(request));
      return reply.send(await tell(parts, subject, sessionObject));
    });
    edge.delete(`${prefix}/:session`, async (request, reply) => {
      const { tenant, name } = await subjectOf(parts, request);
      await parts.writes.delete(tenant, name, { kind: 'fact', decide: decideDeleteSession });
      return reply.send({ id: name, type: 'session_deleted' });
    });
    for (const act of acts) {
      edge.post(`${prefix}/:session/${act}`, async (request, reply) => {
        const subject = await subjectOf(parts, request);
        await submit(parts, subject, decideAct(act, subject.actor));
        return reply.send(await tell(parts, subject, sessionObject));
      });
    }
  }
}

const newResourceId =
  ({ writers }: SessionWriteParts): (() => string) =>
  () =>
    idOf('sesrsc', writers.newId());

async function createByPost(
  parts: SessionWriteParts,
  request: EdgeRequest,
  reply: EdgeReply,
): Promise<EdgeReply> {
  const tenant = await parts.tenancy.tenantOf(request);
  const asked = parseCreateSession(bodyOf(request), newResourceId(parts));
  const key = tokenOf(request.headers, 'idempotency-key');
  const name = newSessionName(key === undefined ? parts.writers.newId() : digestOf(tenant.id, key));
  return create(parts, { tenant, name }, { asked, reply });
}

/** A name that is chosen: where it is there already, it is told as it is. */
async function createByPut(
  parts: SessionWriteParts,
  request: EdgeRequest,
  reply: EdgeReply,
): Promise<EdgeReply> {
  const tenant = await parts.tenancy.tenantOf(request);
  const asked = parseCreateSession(bodyOf(request), newResourceId(parts));
  return create(parts, { tenant, name: sessionIn(request) }, { asked, reply });
}

/** A repeat under the same key names the same session. */
export const digestOf = (tenant: string, key: string): string =>
  createHash('sha256').update(`${tenant}\n${key}`).digest('hex').slice(0, 32);

async function create(
  parts: SessionWriteParts,
  { tenant, name }: Pick<Subject, 'tenant'> & { readonly name: SessionName },
  { asked, reply }: { readonly asked: CreateSession; readonly reply: EdgeReply },
): Promise<EdgeReply> {
  const { profile, events, ttlMs } = asked;
  const agent = await snapshotOf(parts, tenant, asked.agent);
  const created = await parts.writes.create(tenant, name, {
    contentType: jsonContentType,
    ttlMs,
    expiresAtMs: undefined,
    isClosed: false,
    fork: undefined,
    ...(events ?? { events: [] }),
    profile: agent === undefined ? profile : { ...profile, agent },
  });
  return reply
    .code(created.isNew ? 201 : 200)
    .send(await tell(parts, { tenant, name }, sessionObject));
}

/** As the agent is now, or in the version that is named; one that nobody has made is taken as it is. */
async function snapshotOf(
  parts: SessionWriteParts,
  tenant: Tenant,
  agent: AgentReference | undefined,
): Promise<Fields | undefined> {
  if (agent === undefined) return undefined;
  const target = { tenant, name: definitionSession(agents, agent.id) };
  const known = (await definitionOf(parts, target, agent.version))?.definition;
  const isArchived = known !== undefined && known['archived_at'] !== null;
  if (isArchived) throw new Problem('invalid-request', 'the agent is archived');
  return agentSnapshot(agent, known);
}

async function update(parts: SessionWriteParts, subject: Subject, body: Uint8Array): Promise<void> {
  const { patch, agent } = parseUpdateSession(body);
  if (agent === undefined && Object.keys(patch).length === 0) return;
  await submit(parts, subject, (state, context) => {
    const known = state.stream?.aspects.profile;
    const snapshot = agent === undefined ? undefined : { ...known?.agent, ...replacing(agent) };
    const whole: ProfilePatch = snapshot === undefined ? patch : { ...patch, agent: snapshot };
    return decideUpdate(whole, toldOf(whole), subject.actor)(state, context);
  });
}

/** Of an agent these are replaced whole, and nothing else is. */
function replacing({ tools, mcp_servers }: Fields): Fields {
  return {
    ...(Array.isArray(tools) && { tools }),
    ...(Array.isArray(mcp_servers) && { mcp_servers }),
  };
}

/** What the event of an update says: the fields that it changed. */
function toldOf({ title, metadata, budget, agent, limits }: ProfilePatch): Fields {
  return {
    ...(title !== undefined && { title }),
    ...(metadata !== undefined && { metadata }),
    ...(budget !== undefined && { budget }),
    ...(agent !== undefined && { agent }),
    ...(limits !== undefined && { limits }),
  };
}

// Sessions, agents and credentials under `/v3`, as they are told.

import {
  agentObject,
  credentialDefaults,
  credentialObject,
  credentialPrefix,
  type RunStatus,
  runObject,
  runStatuses,
  runStatusOf,
  shortened,
  turnObjects,
} from '@tidemark/agents-api';
import { type Edge, type EdgeRequest, parameterOf, queryOf } from '@tidemark/edge';
import { Problem } from '@tidemark/protocol';
import type { StreamState } from '@tidemark/session';
import { agents, type Fields, type LiveSession, parseLimit } from '@tidemark/sessions-api';
import {
  allDefinitions,
  listDefinitions,
  openDefinition,
  versions,
} from '../sessions/definition-routes.ts';
import {
  checkJson,
  liveOf,
  openView,
  parameterIn,
  type Subject,
  subjectOf,
} from '../sessions/parts.ts';
import { sessionPage } from '../sessions/session-listing.ts';
import type { StreamView } from '../stream-view.ts';
import { eventAt, type RunReadParts } from './event-reads.ts';

export function addRunReads(edge: Edge, parts: RunReadParts): void {
  addAgents(edge, parts);
  addCredentials(edge, parts);
  addSessions(edge, parts);
}

function addAgents(edge: Edge, parts: RunReadParts): void {
  edge.get('/v3/agents', async (request, reply) => {
    const tenant = await parts.tenancy.tenantOf(request);
    const query = queryOf(request.raw.url ?? '');
    const page = parameterOf(query, 'cursor');
    if (page !== undefined) query.set('page', page);
    const listed = await listDefinitions(parts, tenant, { kind: agents, query });
    const data = (listed['data'] as readonly Fields[]).map(agentObject);
    return reply.send({ data, next_cursor: listed['next_page'] });
  });

  edge.get('/v3/agents/:id', async (request, reply) => {
    using view = await openDefinition(parts, agents, request);
    const { tailSeq } = view.present;
    const [definition] = await versions(parts, view, [tailSeq - 1, tailSeq]);
    if (definition === undefined) throw new Problem('not-found', 'there is no such agent');
    return reply.send(agentObject(definition));
  });

  edge.get('/v3/agents/:id/revisions', async (request, reply) => {
    using view = await openDefinition(parts, agents, request);
    const { tailSeq } = view.present;
    const found = await versions(parts, view, [Math.max(0, tailSeq - 100), tailSeq]);
    return reply.send({ data: found.map(agentObject).reverse(), next_cursor: null });
  });
}

function addCredentials(edge: Edge, parts: RunReadParts): void {
  const config = { scope: 'append' } as const;
  edge.get('/v3/credentials', { config }, async (request, reply) => {
    const tenant = await parts.tenancy.tenantOf(request);
    const [defaults = {}] = await allDefinitions(parts, tenant, credentialDefaults);
    const stored = await allDefinitions(parts, tenant, credentialPrefix);
    return reply.send({ data: stored.map((each) => credentialObject(each, defaults)) });
  });
}

/** Whoever has a token of one session reads and steers it, and manages nothing. */
export async function managed(parts: RunReadParts, request: EdgeRequest): Promise<Subject> {
  const { session } = await parts.tenancy.identityOf(request);
  if (session === undefined) return subjectOf(parts, request);
  throw new Problem('forbidden', 'a client token reads and steers, and nothing else');
}

function addSessions(edge: Edge, parts: RunReadParts): void {
  edge.get('/v3/sessions', (request) => listRuns(parts, request));

  edge.get('/v3/sessions/:session', async (request, reply) => {
    using view = await openView(parts, await managed(parts, request));
    return reply.header('cache-control', 'no-store').send(runObject(liveOf(parts, view)));
  });

  edge.get('/v3/sessions/:session/sources', async (request, reply) => {
    using view = await openView(parts, await managed(parts, request));
    checkJson(view);
    return reply.send([]);
  });

  edge.get('/v3/sessions/:session/turns', async (request, reply) => {
    using view = await openView(parts, await managed(parts, request));
    const query = queryOf(request.raw.url ?? '');
    const limit = parseLimit(parameterOf(query, 'limit'), { fallback: 50, max: 100 });
    const all = turnObjects(view.present);
    const cursor = parameterOf(query, 'cursor');
    const first = cursor === undefined ? 0 : all.findIndex(({ id }) => id === cursor) + 1;
    const data = all.slice(first, first + limit);
    const isMore = first + limit < all.length;
    return reply.send({ data, next_cursor: isMore ? (data.at(-1)?.['id'] ?? null) : null });
  });

  edge.get('/v3/sessions/:session/turns/:turn', async (request, reply) => {
    using view = await openView(parts, await managed(parts, request));
    const id = parameterIn(request, 'turn');
    const turn = turnObjects(view.present).find((each) => each['id'] === id);
    if (turn === undefined) throw new Problem('not-found', 'the session remembers no such turn');
    return reply.send(turn);
  });

  edge.get('/v3/sessions/:session/result', async (request, reply) => {
    const subject = await managed(parts, request);
    using view = await openView(parts, subject);
    const result = await resultOf(parts, view, subject.name);
    return reply.send({ last_turn: turnObjects(view.present)[0] ?? null, result });
  });
}

async function resultOf(
  parts: RunReadParts,
  view: StreamView,
  session: string,
): Promise<Fields | null> {
  const result = lastResult(view.present);
  const event = result && (await eventAt(parts, view, { session, seq: result.seq }));
  return event === undefined ? null : shortened(event);
}

/** Of the last turn that came to any. */
const lastResult = ({ aspects }: StreamState): { readonly seq: number } | undefined =>
  aspects.turns.ended.findLast(({ result }) => result !== undefined)?.result;

async function listRuns(parts: RunReadParts, request: EdgeRequest): Promise<Fields> {
  const tenant = await parts.tenancy.tenantOf(request);
  const query = queryOf(request.raw.url ?? '');
  const status = parameterOf(query, 'status');
  if (status !== undefined && !runStatuses.includes(status as RunStatus)) {
    throw new Problem('invalid-request', `status is among ${runStatuses.join(', ')}`);
  }
  const key = parameterOf(query, 'key');
  const named = new URLSearchParams();
  const pass = (from: string, to: string): void => {
    const value = parameterOf(query, from);
    if (value !== undefined) named.set(to, value);
  };
  pass('agent', 'agent_id');
  pass('limit', 'limit');
  pass('cursor', 'page');
  pass('after', 'created_at[gt]');
  pass('before', 'created_at[lt]');
  if (status === undefined || status === 'archived') named.set('include_archived', 'true');
  const objectOf = (live: LiveSession): Fields | undefined => {
    const isStatus = status === undefined || runStatusOf(live.stream) === status;
    const isKey = key === undefined || live.stream.aspects.profile.run?.key === key;
    return isStatus && isKey ? runObject(live) : undefined;
  };
  const page = await sessionPage(parts, tenant, { query: named, objectOf });
  return { data: page['data'], next_cursor: page['next_page'] };
}

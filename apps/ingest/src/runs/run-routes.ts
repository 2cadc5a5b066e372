// Sessions under `/v3`, as they are made, spoken to, cancelled and archived.

import { createHash } from 'node:crypto';
import {
  type CreateRun,
  linkTo,
  type Message,
  messageOf,
  parseCreateRun,
  plainMetadata,
  runObject,
  runOf,
} from '@tidemark/agents-api';
import { clientScopes } from '@tidemark/auth';
import { bodyOf, type Edge, type EdgeReply, type EdgeRequest, tokenOf } from '@tidemark/edge';
import { jsonContentType, limits, Problem, type SessionName } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import {
  type Actor,
  decideAct,
  decideCancelTurn,
  decideSweepTurn,
  eventIdAt,
  type GivenEvents,
} from '@tidemark/session';
import {
  agentSnapshot,
  agents,
  countField,
  definitionSession,
  type Fields,
  fieldsOf,
  isFields,
  listField,
  malformed,
  newSessionName,
  textField,
} from '@tidemark/sessions-api';
import { bytesOf } from '@tidemark/std';
import { definitionOf } from '../sessions/definition-routes.ts';
import { sessionIn, subjectOf, submit, tell } from '../sessions/parts.ts';
import { digestOf } from '../sessions/session-routes.ts';
import { mintToken } from '../sessions/token-routes.ts';
import { factOfDestination, firstDestinations } from './destination-routes.ts';
import type { RunParts } from './parts.ts';
import { sharedOf } from './shared-destination-routes.ts';

const tokenSeconds = 24 * 3_600;

export function addRunWrites(edge: Edge, parts: RunParts): void {
  edge.post('/v3/sessions', (request, reply) => create(parts, request, reply));

  edge.post('/v3/sessions/:session/messages', { config: { isSteered: true } }, (request, reply) =>
    steer(parts, request, reply),
  );

  edge.post('/v3/sessions/:session/cancel', async (request, reply) => {
    const subject = await subjectOf(parts, request);
    await submit(parts, subject, decideCancelTurn(subject.actor));
    return reply.send(await tell(parts, subject, runObject));
  });

  edge.post('/v3/sessions/:session/archive', async (request, reply) => {
    const subject = await subjectOf(parts, request);
    await submit(parts, subject, decideSweepTurn(subject.actor, true));
    await submit(parts, subject, decideAct('archive', subject.actor));
    return reply.send(await tell(parts, subject, runObject));
  });

  const config = { scope: 'append' } as const;
  edge.post('/v3/sessions/:session/client-tokens', { config }, async (request, reply) => {
    const subject = await subjectOf(parts, request);
    const identity = await parts.tenancy.identityOf(request);
    if (identity.session !== undefined) {
      throw new Problem('forbidden', 'a client token mints no other');
    }
    const fields = fieldsOf(bodyOf(request));
    const seconds = countField(fields, 'ttl') ?? 3_600;
    if (seconds < 60 || seconds > tokenSeconds) throw malformed(`ttl is 60 to ${tokenSeconds}`);
    const given = listField(fields, 'scopes', clientScopes.length);
    const isKnown = given.every((scope) => scope === 'read' || scope === 'steer');
    if (!isKnown) throw malformed('scopes are among read, steer');
    const scopes = given.length === 0 ? (['read', 'steer'] as const) : (given as ['read']);
    const { token, expires_at } = await mintToken(parts, subject, { scopes, seconds });
    reply.code(201).header('cache-control', 'no-store');
    return reply.send({ client_token: token, token, scopes, expires_at });
  });
}

const plainStamp = { id: undefined, processedAt: undefined, namesOutcome: false };

function givenOf({ event, id }: Message): GivenEvents & { readonly types: readonly string[] } {
  return {
    events: [bytesOf(`,${JSON.stringify(event).slice(1)}`)],
    stamps: [plainStamp],
    types: [event.type],
    eventIds: [id],
  };
}

/** Equal requests have equal texts, in whatever order their members come. */
const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical);
  if (!isFields(value)) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, canonical(value[name])]));
};

const hashOf = (fields: Fields): string =>
  createHash('sha256')
    .update(JSON.stringify(canonical(fields)))
    .digest('hex');

/** A key, or an Idempotency-Key, names the session. */
function nameOf(parts: RunParts, tenant: Tenant, keys: readonly (string | undefined)[]): string {
  const [key, idempotencyKey] = keys;
  if (key !== undefined) return digestOf(tenant.id, `run key\n${key}`);
  if (idempotencyKey === undefined) return parts.writers.newId();
  return digestOf(tenant.id, `run repeat\n${idempotencyKey}`);
}

async function create(parts: RunParts, request: EdgeRequest, reply: EdgeReply): Promise<EdgeReply> {
  const { tenant, by } = await parts.tenancy.identityOf(request);
  const fields = fieldsOf(bodyOf(request));
  const asked = parseCreateRun(fields);
  const repeat = tokenOf(request.headers, 'idempotency-key');
  const name = newSessionName(nameOf(parts, tenant, [asked.key, repeat]));
  const actor = { by, requestId: request.id };
  const isNew = await createOnce(parts, { tenant, name, actor }, { asked, hash: hashOf(fields) });
  const subject = { tenant, name, actor };
  const scopes = ['read', 'steer'] as const;
  const { token } = await mintToken(parts, subject, { scopes, seconds: tokenSeconds });
  const session = await tell(parts, subject, runObject);
  reply.code(isNew ? 201 : 200).header('cache-control', 'no-store');
  return reply.send({ session, client_token: token, sources: [] });
}

interface NewRun {
  readonly tenant: Tenant;
  readonly name: SessionName;
  readonly actor: Actor;
}

async function createOnce(
  parts: RunParts,
  { tenant, name, actor }: NewRun,
  { asked, hash }: { readonly asked: CreateRun; readonly hash: string },
): Promise<boolean> {
  const target = { tenant, name: definitionSession(agents, asked.agentId) };
  const agent = (await definitionOf(parts, target, asked.revision))?.definition;
  if (agent === undefined) throw new Problem('not-found', 'there is no such agent, or revision');
  if (agent['archived_at'] !== null) throw malformed('the agent is archived');
  const overrides = asked.model === undefined ? {} : { model: asked.model };
  const { revision: version } = asked;
  const provider = agent['runtime'] === 'codex' ? 'openai' : 'anthropic';
  const credential =
    textField(agent, 'credential_id', limits.tokenBytesMax) ??
    (await parts.credentials.defaultOf(tenant, provider)) ??
    'managed';
  await parts.credentials.check(tenant, credential);
  const own = firstDestinations(parts, { tenant }, asked.destinations);
  const destinations = [...own, ...(await sharedOf(parts, tenant)).map(linkTo)];
  const run = runOf(asked, {
    agent: { ...agent, credential_id: credential },
    requestHash: hash,
  });
  const { isNew } = await parts.writes.create(tenant, name, {
    contentType: jsonContentType,
    ttlMs: undefined,
    expiresAtMs: undefined,
    isClosed: false,
    fork: undefined,
    ...(asked.input === undefined ? { events: [] } : givenOf(asked.input)),
    profile: {
      title: null,
      agent: agentSnapshot({ id: asked.agentId, version, overrides }, agent),
      metadata: plainMetadata(asked.metadata),
      run,
    },
    facts: destinations.map((destination) => factOfDestination(destination, actor)),
  });
  if (isNew) return true;
  const known = await tell(parts, { tenant, name }, ({ stream }) => stream.aspects.profile.run);
  if (known?.requestHash === hash) return false;
  throw new Problem('session-exists', 'the key is that of a session that was asked for otherwise');
}

async function steer(parts: RunParts, request: EdgeRequest, reply: EdgeReply): Promise<EdgeReply> {
  const { tenant } = await parts.tenancy.identityOf(request);
  const name = sessionIn(request);
  const fields = fieldsOf(bodyOf(request));
  const { envelope, ...plain } = fields;
  const message = messageOf(envelope ?? plain);
  const appended = await parts.writes.append(tenant, name, {
    kind: 'append',
    contentType: jsonContentType,
    close: false,
    ...givenOf(message),
  });
  const answer = await tell(parts, { tenant, name }, (live) => {
    const { id, status, head } = runObject(live);
    const eventId = eventIdAt(live.stream, appended.firstSeq);
    return {
      event: { id: eventId, seq: appended.firstSeq + 1 },
      session: { id, status, head },
    };
  });
  return reply.code(appended.isDuplicate ? 200 : 202).send(answer);
}

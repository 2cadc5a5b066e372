// A tenant's keys, kept by whoever has one with the scope admin, and by the operator under the tenant's
// own path. A key is told once, when it is made.

import { hashKey, isKey, isScope, keyIdOf, keyRule, type Scope, scopes } from '@tidemark/auth';
import { bodyOf, type Edge, type EdgeRequest, type PeerOf, type Tenancy } from '@tidemark/edge';
import type { Platform } from '@tidemark/platform';
import { Problem, parseTenantId, type TenantId, timestampText } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import type { ApiKey } from '@tidemark/session';
import {
  countField,
  type Fields,
  fieldsOf,
  listField,
  malformed,
  textField,
} from '@tidemark/sessions-api';

/** Time in which both keys are good, where nothing else is asked for. */
const overlapSecondsDefault = 86_400;
const overlapSecondsMax = 30 * 86_400;
const nameCharsMax = 64;

type TenantIn = (request: EdgeRequest) => Promise<Tenant>;

interface Place {
  readonly path: string;
  readonly tenantIn: TenantIn;
  readonly config: { readonly peerOf?: PeerOf; readonly scope?: Scope };
}

export function addOwnKeys(edge: Edge, platform: Platform, tenancy: Tenancy): void {
  const tenantIn: TenantIn = async (request) => tenancy.tenantOf(request);
  addKeys(edge, platform, { path: '/v1/keys', tenantIn, config: { scope: 'admin' } });
}

export function addTenantKeys(edge: Edge, platform: Platform, peerOf: PeerOf): void {
  const tenantIn: TenantIn = async ({ params }) => {
    const id = parseTenantId((params as { readonly id: string }).id);
    const tenant = (await platform.shards.currentDirectory()).get(id);
    if (tenant === undefined) throw new Problem('not-found', 'no such tenant');
    return tenant;
  };
  addKeys(edge, platform, { path: '/v1/admin/tenants/:id/keys', tenantIn, config: { peerOf } });
}

function addKeys(edge: Edge, platform: Platform, { path, tenantIn, config }: Place): void {
  const { registry } = platform;
  const nowMs = (): number => platform.parts.clock.nowMs();

  edge.get(path, { config }, async (request, reply) => {
    const { keys } = await tenantIn(request);
    return reply.header('cache-control', 'no-store').send({ data: keys.map(keyObject) });
  });

  edge.post(path, { config }, async (request, reply) => {
    const { id } = await tenantIn(request);
    const { apiKey, name, scopes: given } = parseKey(fieldsOf(bodyOf(request)), platform);
    await registry.addKey(id, hashKey(apiKey), { name, scopes: given });
    reply.code(201).header('cache-control', 'no-store');
    return reply.send({ id: keyIdOf(hashKey(apiKey)), name, scopes: given, apiKey });
  });

  edge.post(`${path}/:key/rotate`, { config }, async (request, reply) => {
    const tenant = await tenantIn(request);
    const known = keyIn(tenant, request);
    const seconds =
      countField(fieldsOf(bodyOf(request)), 'overlap_seconds') ?? overlapSecondsDefault;
    if (seconds > overlapSecondsMax)
      throw malformed(`overlap_seconds is at most ${overlapSecondsMax}`);
    const apiKey = newKey(platform);
    const { name, scopes: same } = known;
    await registry.addKey(tenant.id, hashKey(apiKey), { name, scopes: same });
    await registry.endKey(tenant.id, known.hash, nowMs() + seconds * 1_000);
    reply.code(201).header('cache-control', 'no-store');
    return reply.send({ id: keyIdOf(hashKey(apiKey)), name, scopes: same, apiKey });
  });

  edge.delete(`${path}/:key`, { config }, async (request, reply) => {
    const tenant = await tenantIn(request);
    await registry.revokeKey(tenant.id, keyIn(tenant, request).hash);
    return reply.code(204).send();
  });

  edge.post(`${path}/revoke`, { config }, async (request, reply) => {
    const { id }: { readonly id: TenantId } = await tenantIn(request);
    const { apiKey } = fieldsOf(bodyOf(request));
    if (typeof apiKey !== 'string') throw malformed('apiKey is text');
    await registry.revokeKey(id, hashKey(apiKey));
    return reply.code(204).send();
  });
}

const timeOrNull = (atMs: number | undefined): string | null =>
  atMs === undefined ? null : timestampText(atMs);

const keyObject = (key: ApiKey): Fields => ({
  id: keyIdOf(key.hash),
  name: key.name,
  scopes: key.scopes,
  created_at: timestampText(key.createdAtMs),
  expires_at: timeOrNull(key.endsAtMs),
  last_used_at: timeOrNull(key.usedAtMs),
});

function keyIn({ keys }: Tenant, { params }: EdgeRequest): ApiKey {
  const { key: id } = params as { readonly key: string };
  const key = keys.find(({ hash }) => keyIdOf(hash) === id);
  if (key === undefined) throw new Problem('not-found', 'the tenant has no such key');
  return key;
}

const newKey = ({ writers }: Platform): string => `tmk_${writers.newId()}`;

/** The caller may bring the key, so that a repeated request makes no other. */
export function parseApiKey(fields: Fields, platform: Platform): string {
  const { apiKey = newKey(platform) } = fields;
  if (typeof apiKey === 'string' && isKey(apiKey)) return apiKey;
  throw malformed(`apiKey has ${keyRule}`);
}

function parseKey(
  fields: Fields,
  platform: Platform,
): { readonly apiKey: string; readonly name: string; readonly scopes: readonly Scope[] } {
  const given = listField(fields, 'scopes', scopes.length);
  const granted = given.length === 0 ? scopes : given;
  if (!granted.every(isScope)) throw malformed(`scopes are among ${scopes.join(', ')}`);
  const name = textField(fields, 'name', nameCharsMax) ?? '';
  return { apiKey: parseApiKey(fields, platform), name, scopes: granted };
}

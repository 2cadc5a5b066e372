import { timingSafeEqual } from 'node:crypto';
import { hashKey } from '@tidemark/auth';
import { bearerOf, bodyOf, type Edge, type EdgeRequest, type PeerOf } from '@tidemark/edge';
import type { Platform } from '@tidemark/platform';
import { limits, Problem, parseTenantId, type TenantId } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import { raiseFoldLevel, type TenantRequest } from '@tidemark/replica/write';
import type { Quotas } from '@tidemark/session';
import { countField, type Fields, fieldsOf, isFields } from '@tidemark/sessions-api';
import type { Secret } from '@tidemark/std';
import { bucketObject, usableBucket } from './bucket-request.ts';
import { addTenantKeys, parseApiKey } from './key-routes.ts';

/** Makes tenants, and keeps their keys. There is no admin surface without an admin key. */
export function addAdmin(edge: Edge, platform: Platform, adminKey: Secret): void {
  const config = { peerOf: operatorBy(adminKey) };
  edge.post('/v1/admin/tenants', { config }, async (request, reply) => {
    const { tenantRequest, apiKey } = await parseTenant(fieldsOf(bodyOf(request)), platform);
    const { tenant, isNew, isKeyNew } = await platform.registry.create(tenantRequest);
    const { id, placement, durability, bucket } = tenantObject(tenant);
    reply.code(isNew ? 201 : 200).header('cache-control', 'no-store');
    return reply.send({ id, placement, durability, bucket, apiKey: isKeyNew ? apiKey : undefined });
  });

  addTenantKeys(edge, platform, config.peerOf);

  edge.get('/v1/admin/tenants', { config }, async (_request, reply) => {
    const { all } = await platform.shards.currentDirectory();
    return reply.send({ data: all.map(tenantObject) });
  });

  edge.get('/v1/admin/tenants/:id', { config }, async (request, reply) => {
    const tenant = (await platform.shards.currentDirectory()).get(tenantIn(request));
    if (tenant === undefined) throw new Problem('not-found', 'no such tenant');
    return reply.send(tenantObject(tenant));
  });

  edge.post('/v1/admin/tenants/:id', { config }, async (request, reply) => {
    const id = tenantIn(request);
    const { quotas, bucket } = fieldsOf(bodyOf(request));
    const changed = bucket === undefined ? undefined : await usableBucket(platform, id, bucket);
    if (quotas !== undefined || bucket === undefined) {
      await platform.registry.configure(id, quotasOf(quotas));
    }
    if (changed !== undefined) await platform.registry.changeBucket(id, changed);
    const tenant = (await platform.shards.currentDirectory()).get(id);
    if (tenant === undefined) throw new Problem('not-found', 'no such tenant');
    return reply.send(tenantObject(tenant));
  });

  edge.post('/v1/admin/level', { config }, async (request, reply) => {
    const { level } = fieldsOf(bodyOf(request));
    if (!Number.isSafeInteger(level) || Number(level) < 1) {
      throw new Problem('invalid-request', 'level is a number from 1 on');
    }
    const { behind, ...raised } = await raiseFoldLevel(platform, Number(level));
    return reply.send({ ...raised, behind: Object.fromEntries(behind) });
  });

  for (const verb of ['suspend', 'resume'] as const) {
    edge.post(`/v1/admin/tenants/:id/${verb}`, { config }, async (request, reply) => {
      await platform.registry.suspend(tenantIn(request), verb === 'suspend');
      return reply.code(204).send();
    });
  }
}

const tenantIn = ({ params }: EdgeRequest): TenantId =>
  parseTenantId((params as { readonly id: string }).id);

/** The operator's share of the process is its own. */
function operatorBy(adminKey: Secret): PeerOf {
  const digest = (text: string): Uint8Array => Buffer.from(hashKey(text));
  const expected = digest(adminKey.reveal());
  return ({ headers }) => {
    if (timingSafeEqual(digest(bearerOf(headers) ?? ''), expected)) return '$operator';
    throw new Problem('unauthenticated', 'not the admin key');
  };
}

const tenantObject = (tenant: Tenant): Fields => {
  const { id, topic, partitions, isPooled, durability, quotas, isSuspended, keys, bucket } = tenant;
  return {
    id,
    placement: isPooled ? { pool: topic } : { topic, partitions },
    durability,
    quotas,
    suspended: isSuspended,
    key_count: keys.length,
    bucket: bucket && bucketObject(bucket),
  };
};

const quotaNames = [
  'appendsPerSecond',
  'bytesPerSecond',
  'liveConnections',
  'eventBytes',
  'sessionsPerHour',
] as const;

/** All of them: what is left out has no bound of its own. */
function quotasOf(value: unknown): Quotas {
  if (!isFields(value)) throw new Problem('invalid-request', 'quotas is an object');
  const given = quotaNames.map((name) => [name, countField(value, name)] as const);
  return Object.fromEntries(given.filter(([, quota]) => quota !== undefined));
}

/** The caller may bring the key, so that a repeated request makes the same tenant. */
async function parseTenant(
  fields: Fields,
  platform: Platform,
): Promise<{ readonly tenantRequest: TenantRequest; readonly apiKey: string }> {
  const { id, partitions, pooled, durability, bucket } = fields;
  if (pooled === true && bucket !== undefined) {
    throw new Problem('invalid-request', 'a tenant among others in one topic has no bucket');
  }
  if (typeof id !== 'string') throw new Problem('invalid-request', 'id is text');
  const apiKey = parseApiKey(fields, platform);
  if (durability !== undefined && durability !== 'replicated' && durability !== 'fsynced') {
    throw new Problem('invalid-request', 'durability is replicated or fsynced');
  }
  const placement =
    pooled === true
      ? ({ kind: 'pool' } as const)
      : ({ kind: 'own', partitions: parsePartitions(partitions) } as const);
  const tenant = parseTenantId(id);
  const tenantRequest = {
    id: tenant,
    placement,
    bucket: bucket === undefined ? undefined : await usableBucket(platform, tenant, bucket),
    durability: durability ?? 'replicated',
    keyHash: hashKey(apiKey),
  } as const;
  return { tenantRequest, apiKey };
}

function parsePartitions(partitions: unknown): number {
  if (partitions === undefined) return 1;
  const isFit = Number.isSafeInteger(partitions) && Number(partitions) >= 1;
  if (isFit && Number(partitions) <= limits.tenantPartitionsMax) return Number(partitions);
  throw new Problem('invalid-request', `partitions is 1 to ${limits.tenantPartitionsMax}`);
}

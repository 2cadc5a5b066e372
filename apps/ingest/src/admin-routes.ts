import { timingSafeEqual } from 'node:crypto';
import {
  bearerOf,
  bodyOf,
  type Edge,
  type EdgeRequest,
  hashKey,
  isKey,
  keyRule,
  type PeerOf,
} from '@tidemark/edge';
import type { Platform } from '@tidemark/platform';
import { limits, Problem, parseTenantId, type TenantId } from '@tidemark/protocol';
import { raiseFoldLevel, type TenantRequest } from '@tidemark/replica/write';
import { type Secret, textOf } from '@tidemark/std';

/** Makes tenants, and keeps their keys. There is no admin surface without an admin key. */
export function addAdmin(edge: Edge, platform: Platform, adminKey: Secret): void {
  const config = { peerOf: operatorBy(adminKey) };
  edge.post('/v1/admin/tenants', { config }, async (request, reply) => {
    const { tenantRequest, apiKey } = parseTenant(bodyOf(request), () => platform.writers.newId());
    const { tenant, isNew, isKeyNew } = await platform.registry.create(tenantRequest);
    const { id, topic, partitions, isPooled, durability } = tenant;
    reply.code(isNew ? 201 : 200).header('cache-control', 'no-store');
    const placement = isPooled ? { pool: topic } : { topic, partitions };
    return reply.send({ id, placement, durability, apiKey: isKeyNew ? apiKey : undefined });
  });

  edge.post('/v1/admin/tenants/:id/keys', { config }, async (request, reply) => {
    const apiKey = parseKey(fieldsOf(bodyOf(request)), () => platform.writers.newId());
    await platform.registry.addKey(tenantIn(request), hashKey(apiKey));
    return reply.code(201).header('cache-control', 'no-store').send({ apiKey });
  });

  edge.post('/v1/admin/tenants/:id/keys/revoke', { config }, async (request, reply) => {
    const { apiKey } = fieldsOf(bodyOf(request));
    if (typeof apiKey !== 'string') throw new Problem('invalid-request', 'apiKey is text');
    await platform.registry.revokeKey(tenantIn(request), hashKey(apiKey));
    return reply.code(204).send();
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
  return (headers) => {
    if (timingSafeEqual(digest(bearerOf(headers) ?? ''), expected)) return '$operator';
    throw new Problem('unauthenticated', 'not the admin key');
  };
}

function fieldsOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(textOf(body));
  } catch (cause) {
    throw new Problem('invalid-json', 'the body is not JSON', { cause });
  }
  if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  throw new Problem('invalid-request', 'the body is a JSON object');
}

/** The caller may bring the key, so that a repeated request makes the same tenant. */
function parseTenant(
  body: Uint8Array,
  newKey: () => string,
): { readonly tenantRequest: TenantRequest; readonly apiKey: string } {
  const fields = fieldsOf(body);
  const { id, partitions, pooled, durability } = fields;
  if (typeof id !== 'string') throw new Problem('invalid-request', 'id is text');
  const apiKey = parseKey(fields, newKey);
  if (durability !== undefined && durability !== 'replicated' && durability !== 'fsynced') {
    throw new Problem('invalid-request', 'durability is replicated or fsynced');
  }
  const placement =
    pooled === true
      ? ({ kind: 'pool' } as const)
      : ({ kind: 'own', partitions: parsePartitions(partitions) } as const);
  const tenantRequest = {
    id: parseTenantId(id),
    placement,
    durability: durability ?? 'replicated',
    keyHash: hashKey(apiKey),
  } as const;
  return { tenantRequest, apiKey };
}

function parseKey(fields: Readonly<Record<string, unknown>>, newKey: () => string): string {
  const { apiKey = `tmk_${newKey()}` } = fields;
  if (typeof apiKey === 'string' && isKey(apiKey)) return apiKey;
  throw new Problem('invalid-request', `apiKey has ${keyRule}`);
}

function parsePartitions(partitions: unknown): number {
  if (partitions === undefined) return 1;
  const isFit = Number.isSafeInteger(partitions) && Number(partitions) >= 1;
  if (isFit && Number(partitions) <= limits.tenantPartitionsMax) return Number(partitions);
  throw new Problem('invalid-request', `partitions is 1 to ${limits.tenantPartitionsMax}`);
}

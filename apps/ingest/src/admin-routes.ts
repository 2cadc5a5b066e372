import { timingSafeEqual } from 'node:crypto';
import {
  bearerOf,
  bodyOf,
  type Edge,
  hashKey,
  isKey,
  keyRule,
  type PeerOf,
  type Platform,
} from '@tidemark/edge';
import { limits, Problem, parseTenantId } from '@tidemark/protocol';
import type { TenantRequest } from '@tidemark/replica/write';
import { type Secret, textOf } from '@tidemark/std';

/** Makes tenants. There is no admin surface without an admin key. */
export function addAdmin(edge: Edge, platform: Platform, adminKey: Secret): void {
  const config = { peerOf: operatorBy(adminKey) };
  edge.post('/v1/admin/tenants', { config }, async (request, reply) => {
    const { tenantRequest, apiKey } = parseTenant(bodyOf(request), () => platform.writers.newId());
    const { tenant, isNew } = await platform.registry.create(tenantRequest);
    const { id, topic, partitions, isPooled, durability } = tenant;
    reply.code(isNew ? 201 : 200).header('cache-control', 'no-store');
    const placement = isPooled ? { pool: topic } : { topic, partitions };
    return reply.send({ id, placement, durability, apiKey: isNew ? apiKey : undefined });
  });
}

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
  const { id, partitions, pooled, durability, apiKey = `tmk_${newKey()}` } = fields;
  if (typeof id !== 'string') throw new Problem('invalid-request', 'id is text');
  if (typeof apiKey !== 'string' || !isKey(apiKey)) {
    throw new Problem('invalid-request', `apiKey has ${keyRule}`);
  }
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

function parsePartitions(partitions: unknown): number {
  if (partitions === undefined) return 1;
  const isFit = Number.isSafeInteger(partitions) && Number(partitions) >= 1;
  if (isFit && Number(partitions) <= limits.tenantPartitionsMax) return Number(partitions);
  throw new Problem('invalid-request', `partitions is 1 to ${limits.tenantPartitionsMax}`);
}

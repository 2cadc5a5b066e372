import { credentialOf, type Edge, queryOf, type Tenancy } from '@tidemark/edge';
import { Problem } from '@tidemark/protocol';
import { shardsOf, type Tenant } from '@tidemark/replica';
import type { GoLive } from '../live-grant.ts';
import { ExportAnswer, type ExportedShard, type ExportParts } from './export-answer.ts';
import { type ExportRequest, parseExport } from './export-request.ts';

export interface ExportRouteParts extends ExportParts {
  readonly tenancy: Tenancy;
}

/** Each holds up to 30 MiB. */
const exportsMax = 8;
/** Of one tenant, so that no two of them keep all others out. */
const tenantExportsMax = 2;
const againMs = 5_000;

/** Adds the route; the answer ends what is under way. */
export function addExport(edge: Edge, parts: ExportRouteParts): () => void {
  const { tenancy, shards } = parts;
  const underWay = new Map<ExportAnswer, string>();

  edge.get('/v1/export', async (request, reply) => {
    const identity = await tenancy.identityOf(request);
    const { tenant } = identity;
    const asked = parseExport(tenant, queryOf(request.raw.url ?? ''));
    const exported = await exportedShards(parts, tenant, asked);
    checkRoom([...underWay.values()], tenant);
    const goLive: GoLive = (look) => tenancy.goLive(credentialOf(request), identity, look);
    const answer: ExportAnswer = new ExportAnswer(parts, reply, {
      tenant,
      request: asked,
      exported,
      goLive,
      onEnd: () => underWay.delete(answer),
    });
    underWay.set(answer, tenant.id);
    shards.spawn('export', () => answer.run());
    return reply;
  });

  return () => {
    for (const answer of underWay.keys()) answer.close();
  };
}

function checkRoom(tenants: readonly string[], { id }: Tenant): void {
  if (tenants.filter((each) => each === id).length >= tenantExportsMax) {
    const facts = { retryAfterMs: againMs };
    const detail = `the tenant has ${tenantExportsMax} exports under way here, as many as it may`;
    throw new Problem('rate-limited', detail, { facts });
  }
  if (tenants.length >= exportsMax) throw new Problem('overloaded', 'too many exports');
}

/** Where each partition ends at some moment after the request came. */
async function exportedShards(
  { shards }: ExportRouteParts,
  tenant: Tenant,
  { after, before }: ExportRequest,
): Promise<readonly ExportedShard[]> {
  const replicas = shardsOf(tenant).map((shard) => shards.replica(tenant, shard));
  await Promise.all(replicas.map((replica) => replica.readIndex()));
  return replicas.map((replica, index) => {
    const end = Number(replica.fold.position);
    const from = after === 'now' ? end : (after[index] ?? 0);
    if (from > end) throw new Problem('invalid-offset', 'beyond the end of the log');
    return { replica, from, to: Math.max(from, Math.min(end, before?.[index] ?? end)) };
  });
}

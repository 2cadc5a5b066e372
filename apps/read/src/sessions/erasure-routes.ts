import { type Edge, type EdgeRequest, parameterOf, queryOf } from '@tidemark/edge';
import { Problem, parseSessionName, timestampText } from '@tidemark/protocol';
import { erasureProof, type SegmentArchive } from '@tidemark/segments';
import type { SessionReadParts } from './parts.ts';

interface ErasureParts extends SessionReadParts {
  readonly archive: SegmentArchive;
}

/** Whether what a session keeps no more is gone from the bucket: also of one that was deleted. */
export function addErasures(edge: Edge, { tenancy, shards, archive }: ErasureParts): void {
  edge.get('/v1/erasures', { config: { scope: 'admin' } }, async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const name = sessionIn(request);
    const signal = AbortSignal.timeout(answerMs);
    const asked = { ...shards.locate(tenant, name), tenant: tenant.id };
    const proof = await erasureProof(archive, asked, signal);
    return reply.header('cache-control', 'no-store').send({
      session_id: name,
      status: proof.status,
      left_in: proof.left,
      rewritten: proof.rewritten.map(({ atMs, was, is, isDeleted }) => ({
        at: timestampText(atMs),
        was,
        is,
        deleted: isDeleted,
      })),
    });
  });
}

const answerMs = 30_000;

function sessionIn(request: EdgeRequest): ReturnType<typeof parseSessionName> {
  const name = parameterOf(queryOf(request.raw.url ?? ''), 'session');
  if (name === undefined) throw new Problem('invalid-request', 'session is required');
  return parseSessionName(name);
}

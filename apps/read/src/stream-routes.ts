import { credentialOf, type Edge, pathOf, streamNameOf, type Tenancy } from '@tidemark/edge';
import { catchUp } from './catch-up.ts';
import { head } from './head.ts';
import type { GoLive } from './live-grant.ts';
import { longPoll } from './long-poll.ts';
import { parseRead } from './read-request.ts';
import { type SseParts, serveEvents } from './sse.ts';
import { StreamView } from './stream-view.ts';

export interface StreamReadParts extends SseParts {
  readonly tenancy: Tenancy;
}

export function addStreamReads(edge: Edge, parts: StreamReadParts): void {
  const { tenancy } = parts;

  edge.head('/v1/stream/*', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const name = streamNameOf(pathOf(request.raw.url ?? ''));
    return head(parts, tenant, { name, reply });
  });

  edge.get('/v1/stream/*', async (request, reply) => {
    const identity = await tenancy.identityOf(request);
    const { tenant } = identity;
    const url = request.raw.url ?? '';
    const name = streamNameOf(pathOf(url));
    const read = parseRead(url);
    const mustBeCurrent = read.live !== 'none' || read.start.kind === 'now';
    using view = await StreamView.open(parts, tenant, { name, mustBeCurrent });
    const goLive: GoLive = (look) => tenancy.goLive(credentialOf(request), identity, look);
    const answer = { request, reply, isShared: tenancy.isKeyless, goLive };
    if (read.live === 'long-poll') await longPoll(parts, view, { read, answer });
    else if (read.live === 'sse') await serveEvents(parts, view, { read, answer });
    else await catchUp(parts, view, { read, answer });
    return reply;
  });
}

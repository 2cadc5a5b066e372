import {
  bodyOf,
  type Edge,
  type EdgeReply,
  type EdgeRequest,
  headerPairs,
  pathOf,
  sendRaw,
  streamNameOf,
  type Tenancy,
} from '@tidemark/edge';
import type { SessionName } from '@tidemark/protocol';
import type { Shards, Tenant } from '@tidemark/replica';
import type { Appended, SessionWrites } from '@tidemark/replica/write';
import { parseAppend } from './append-request.ts';
import { forkPointOf, parseCreate } from './create-request.ts';

import { refuseOwnDelivery } from './own-delivery.ts';

export interface StreamWriteParts {
  readonly tenancy: Tenancy;
  readonly shards: Shards;
  readonly writes: SessionWrites;
}

export function addStreamWrites(edge: Edge, parts: StreamWriteParts): void {
  const { tenancy, writes, shards } = parts;

  edge.post('/v1/stream/*', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const name = streamNameOf(pathOf(request.raw.url ?? ''));
    refuseOwnDelivery(request.headers, shards.cell);
    const command = parseAppend(request.headers, bodyOf(request));
    const appended = await writes.append(tenant, name, command);
    return sendAppended(reply, appended, command.events.length > 0);
  });

  edge.put('/v1/stream/*', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const name = streamNameOf(pathOf(request.raw.url ?? ''));
    const sourceType = await sourceTypeOf(parts, tenant, request);
    const created = await writes.create(
      tenant,
      name,
      parseCreate(request.headers, bodyOf(request), sourceType),
    );
    reply
      .header('content-type', created.contentType)
      .header('stream-next-offset', created.nextOffset);
    if (created.isClosed) reply.header('stream-closed', 'true');
    if (created.isNew) reply.header('location', locationOf(request));
    return reply.code(created.isNew ? 201 : 200).send();
  });

  edge.delete('/v1/stream/*', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    await writes.delete(tenant, streamNameOf(pathOf(request.raw.url ?? '')));
    return reply.code(204).send();
  });
}

/** A producer hears 200 for what is new; everybody else, and whoever repeats or only closes, 204. */
function sendAppended(reply: EdgeReply, appended: Appended, hasEvents: boolean): EdgeReply {
  const { producer, isDuplicate } = appended;
  const headers = headerPairs();
  headers.push('stream-next-offset', appended.nextOffset);
  headers.push('stream-first-seq', String(appended.firstSeq));
  headers.push('stream-next-seq', String(appended.endSeq));
  if (appended.isClosed) headers.push('stream-closed', 'true');
  if (producer !== undefined) {
    headers.push('producer-epoch', String(producer.epoch), 'producer-seq', String(producer.seq));
  }
  if (producer !== undefined && !isDuplicate && hasEvents) {
    sendRaw(reply, 200, { headers, body: nothing });
  } else {
    sendRaw(reply, 204, { headers });
  }
  return reply;
}

const nothing = { pieces: [], lengthBytes: 0 };

function locationOf(request: EdgeRequest): string {
  return `${request.protocol}://${request.host}${pathOf(request.raw.url ?? '')}`;
}

/** The body of a fork is in its source's type, where the request names none. */
async function sourceTypeOf(
  { shards }: StreamWriteParts,
  tenant: Tenant,
  { headers }: EdgeRequest,
): Promise<string | undefined> {
  const fork = headers['content-type'] === undefined ? forkPointOf(headers) : undefined;
  if (fork === undefined) return undefined;
  const { replica, key } = shards.locate(tenant, fork.source satisfies SessionName);
  await replica.readIndex();
  return replica.with(key, ({ state }) => state.stream?.contentType);
}

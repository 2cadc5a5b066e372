import type { EdgeReply } from '@tidemark/edge';
import { type SessionName, timestampText } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import { cursorAt } from '@tidemark/session';
import type { LiveParts } from './long-poll.ts';
import { presentStream } from './present-stream.ts';

/** Metadata, linearizable. */
export async function head(
  parts: LiveParts,
  tenant: Tenant,
  { name, reply }: { readonly name: SessionName; readonly reply: EdgeReply },
): Promise<EdgeReply> {
  const stream = await presentStream(parts, tenant, name);
  reply
    .header('content-type', stream.contentType)
    .header('stream-next-offset', cursorAt(stream, stream.tailPosition))
    .header('stream-next-seq', String(stream.tailSeq))
    .header('cache-control', 'no-store');
  if (stream.ttlMs !== undefined) reply.header('stream-ttl', String(stream.ttlMs / 1_000));
  if (stream.expiresAtMs !== undefined) {
    reply.header('stream-expires-at', timestampText(stream.expiresAtMs));
  }
  if (stream.isClosed) reply.header('stream-closed', 'true');
  return reply.code(200).send();
}

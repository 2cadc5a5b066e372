import type { EdgeReply } from '@tidemark/edge';
import { Problem, type SessionName, timestampText } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import { cursorAt, isDue, liveStream } from '@tidemark/session';
import type { LiveParts } from './long-poll.ts';

/** Metadata, linearizable; asking does not renew anything, and writes nothing. */
export async function head(
  { shards, nowMs }: LiveParts,
  tenant: Tenant,
  { name, reply }: { readonly name: SessionName; readonly reply: EdgeReply },
): Promise<EdgeReply> {
  const { replica, key } = shards.locate(tenant, name);
  await replica.readIndex();
  const state = replica.fold.peek(key)?.state;
  if (state === undefined) throw new Problem('session-not-found', 'no such session');
  const stream = liveStream(state);
  if (stream instanceof Problem) throw stream;
  if (isDue(state, nowMs())) throw new Problem('session-not-found', 'expired');
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

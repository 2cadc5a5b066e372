import { Problem, type SessionName } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import { liveStream, type StreamState } from '@tidemark/session';
import type { ReadParts } from './stream-view.ts';

/** What is there now. Asking renews nothing; where the stream's time is over, that is written down. */
export async function presentStream(
  { shards, writes }: ReadParts,
  tenant: Tenant,
  name: SessionName,
): Promise<StreamState> {
  const located = shards.locate(tenant, name);
  await located.replica.readIndex();
  await writes.endWhereDue(located);
  return located.replica.with(located.key, ({ state }) => {
    const stream = liveStream(state);
    if (stream instanceof Problem) throw stream;
    return stream;
  });
}

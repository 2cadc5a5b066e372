import { isProblem } from '@tidemark/protocol';
import type { Publications } from './published.ts';
import type { ShardReplica } from './shard-replica.ts';

/** For whoever keeps what others publish. What cannot be had now is looked for another time. */
export async function moveToNewest(
  replica: ShardReplica,
  publications: Publications,
  signal: AbortSignal,
): Promise<void> {
  const { fold } = replica;
  if (!replica.isServing || fold.table.dirtyCount === 0) return;
  try {
    const newest = await publications.newest(replica.logName, signal);
    if (newest === undefined || newest.at.position > fold.position) return;
    await replica.moveTo(newest);
  } catch (cause) {
    if (!isProblem(cause)) throw cause;
  }
}

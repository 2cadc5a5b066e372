// Sessions, held, as a fold tells them that has passed an offset.
//
// A shard that nobody needed for a while begins again with what is published, which may be older than what
// this process had folded of it. What lies behind a fold it cannot tell: its events would be taken for none,
// and a session that was made there for one that is over.

import { Problem } from '@tidemark/protocol';
import type { FoldedSession, ShardReplica } from '@tidemark/replica';

interface Asked {
  readonly keys: readonly string[];
  /** Everything before it is folded. */
  readonly offset: number;
}

/** Each is held until it is let go; as long as one is, the shard stays open. */
export async function holdPast(
  replica: ShardReplica,
  asked: Asked,
): Promise<readonly FoldedSession[]> {
  const held = await holdWherePast(replica, asked);
  if (held !== undefined) return held;
  await replica.foldAll();
  const again = await holdWherePast(replica, asked);
  if (again === undefined) throw new Problem('unavailable', 'the log ends before what was told');
  return again;
}

async function holdWherePast(
  replica: ShardReplica,
  { keys, offset }: Asked,
): Promise<readonly FoldedSession[] | undefined> {
  const held = await replica.hold(keys);
  if (replica.fold.position >= BigInt(offset)) return held;
  for (const session of held) replica.letGo(session);
  return undefined;
}

import type { Shard } from '@tidemark/ports';
import { isProblem, Problem } from '@tidemark/protocol';
import { shardSession } from './shard-fold.ts';
import type { ShardReplica } from './shard-replica.ts';
import type { Shards } from './shards.ts';
import { shardsOf } from './tenants.ts';
import type { Writers } from './writers.ts';

export interface RaisedLevel {
  readonly level: number;
  readonly shardCount: number;
  /** Shards that could not be raised, and why: raise again. */
  readonly behind: ReadonlyMap<Shard, string>;
}

/**
 * Rule 4: raises a cell to a fold level, once all of its processes know it. The control log goes first, so
 * that what is made from then on begins at the level.
 */
export async function raiseFoldLevel(
  { shards, writers }: { readonly shards: Shards; readonly writers: Writers },
  level: number,
): Promise<RaisedLevel> {
  const { knownLevel } = shards.control.fold;
  if (level > knownLevel) {
    throw new Problem('invalid-request', `this process knows fold levels up to ${knownLevel}`);
  }
  const raise = (replica: ShardReplica): Promise<unknown> =>
    writers.of(replica).submit(shardSession, { kind: 'level', level });
  await raise(shards.control);
  const replicas = new Set(
    (await shards.currentDirectory()).all.flatMap((tenant) =>
      shardsOf(tenant).map((shard) => shards.replica(tenant, shard)),
    ),
  );
  const behind = new Map<Shard, string>();
  for (const replica of replicas) {
    try {
      await raise(replica);
    } catch (cause) {
      if (!isProblem(cause)) throw cause;
      behind.set(replica.shard, cause.code);
    }
  }
  return { level, shardCount: replicas.size + 1, behind };
}

// Reads the shards that this process is given, for as long as it is: the group divides them among its members,
// and again whenever there are other members, or other tenants.

import {
  type Clock,
  type EventLog,
  type Logger,
  type Shard,
  sleep,
  topicOf,
} from '@tidemark/ports';
import type { Shards, Tenant } from '@tidemark/replica';

/** Where the group cannot be joined, it is tried again. */
const againMs = 2_000;

interface AssignedParts {
  /** Its members share the shards. */
  readonly group: string;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Resolves once the signal has fired. */
export async function assignedShards(
  { group, log, clock, logger }: AssignedParts,
  shards: Shards,
  signal: AbortSignal,
): Promise<void> {
  const held = new Map<Shard, () => void>();
  const letGoOfAll = (): void => take(new Map(), held);
  signal.addEventListener('abort', letGoOfAll, { once: true });
  while (!signal.aborted) {
    const round = new AbortController();
    const topics = topicsOf(shards);
    const unlisten = shards.onDirectory(() => {
      if (topicsOf(shards).join() !== topics.join()) round.abort();
    });
    const both = AbortSignal.any([signal, round.signal]);
    try {
      if (topics.length === 0) await sleep(clock, againMs, both);
      const assigned = topics.length === 0 ? [] : log.assign(group, { topics, signal: both });
      for await (const given of assigned) take(replicasOf(shards, given), held);
    } catch (cause) {
      if (!both.aborted) {
        logger.warn({ err: cause }, 'no shards are assigned yet');
        await sleep(clock, againMs, signal).catch(() => undefined);
      }
    } finally {
      unlisten();
    }
  }
}

const topicsOf = ({ directory }: Shards): readonly string[] =>
  [...new Set(directory.all.map(({ topic }) => topic))].sort();

/** Of tenants that share a topic any one leads to its shards. */
function replicasOf(shards: Shards, given: readonly Shard[]): ReadonlyMap<Shard, () => () => void> {
  const byTopic = new Map<string, Tenant>(
    shards.directory.all.map((tenant) => [tenant.topic, tenant]),
  );
  return new Map(
    given.flatMap((shard) => {
      const tenant = byTopic.get(topicOf(shard));
      if (tenant === undefined) return [];
      return [[shard, () => shards.replica(tenant, shard).retain()] as const];
    }),
  );
}

/** Reads what is given, and nothing else. */
function take(given: ReadonlyMap<Shard, () => () => void>, held: Map<Shard, () => void>): void {
  for (const [shard, letGo] of held) {
    if (given.has(shard)) continue;
    letGo();
    held.delete(shard);
  }
  for (const [shard, retain] of given) if (!held.has(shard)) held.set(shard, retain());
}

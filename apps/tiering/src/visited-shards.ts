// A process that has all shards to itself opens only those that somebody uses. What is to be archived, trimmed or
// erased in the others is seen when they are opened: so each is, now and then.

import { type Clock, type Logger, sleep } from '@tidemark/ports';
import { isProblem } from '@tidemark/protocol';
import { type Shards, shardsOf } from '@tidemark/replica';

interface VisitParts {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Resolves once the signal has fired. */
export async function visitShards(
  { clock, logger }: VisitParts,
  shards: Shards,
  { everyMs, signal }: { readonly everyMs: number; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const every = shards.directory.all.flatMap((tenant) =>
      shardsOf(tenant).map((shard) => shards.replica(tenant, shard)),
    );
    for (const replica of every) {
      if (signal.aborted) return;
      await replica.readIndex().catch((cause: unknown) => {
        if (!isProblem(cause)) throw cause;
        logger.warn({ shard: replica.shard, err: cause }, 'a shard cannot be looked at yet');
      });
    }
    await sleep(clock, everyMs, signal).catch(() => undefined);
  }
}

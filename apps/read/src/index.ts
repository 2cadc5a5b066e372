import type { Role } from '@tidemark/edge';
import { limits } from '@tidemark/protocol';
import { Fanout } from './fanout.ts';
import { addStreamReads } from './stream-routes.ts';

export interface ReadSettings {
  readonly longPollMs: number;
}

export const readDefaults: ReadSettings = { longPollMs: limits.longPollMs };

/** Serves catch-up, long-poll and server-sent events. */
export const readRole =
  ({ longPollMs }: ReadSettings = readDefaults): Role =>
  ({ edge, tenancy }, platform) => {
    const { shards, writes, wheel, parts } = platform;
    const live = {
      shards,
      writes,
      wheel,
      longPollMs,
      nowMs: () => parts.clock.nowMs(),
      random: () => parts.prng.below(1_000_000) / 1_000_000,
      closing: new AbortController(),
    };
    const fanout = new Fanout(live);
    addStreamReads(edge, { ...live, tenancy, fanout });
    return {
      close: () => {
        live.closing.abort();
        fanout.close();
      },
    };
  };

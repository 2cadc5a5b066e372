import type { Role } from '@tidemark/edge';
import { limits } from '@tidemark/protocol';
import { Followers } from '@tidemark/replica';
import { SseFrames } from './sse-frames.ts';
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
    const followers = new Followers(shards.reader, setImmediate);
    const nowMs = (): number => parts.clock.nowMs();
    const random = (): number => parts.prng.below(1_000_000) / 1_000_000;
    const frames = new SseFrames({ nowMs, random });
    const live = { shards, writes, wheel, longPollMs, followers, frames, nowMs, random };
    addStreamReads(edge, { ...live, tenancy });
    const observe = (name: string, help: string, read: () => number): void =>
      parts.metrics.observedGauge({ name: `tidemark_read_${name}`, help }, read);
    observe('followers', 'who waits for more of a stream', () => followers.count);
    observe('shared_frame_bytes', 'frames kept for several followers', () => frames.bytes);
    return { close: () => followers.close() };
  };

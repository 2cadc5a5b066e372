import type { Role } from '@tidemark/edge';
import { limits } from '@tidemark/protocol';
import { Followers } from '@tidemark/replica';
import type { SegmentArchive } from '@tidemark/segments';
import { SessionSearch } from '@tidemark/session-search';
import { openApiDocument } from '@tidemark/sessions-api';
import type { TableStore } from '@tidemark/tables';
import { addExport } from './export/export-routes.ts';
import { Channels } from './live/channels.ts';
import { Fleets } from './live/fleet.ts';
import { LiveConnection } from './live/live-connection.ts';
import { addDeliveryReads } from './runs/delivery-reads.ts';
import { addRunEventReads, createRunFrames } from './runs/event-reads.ts';
import { addRunReads } from './runs/run-reads.ts';
import { addTurnWaits, TurnWaits } from './runs/turn-waits.ts';
import { searchMemoryMib, searchSettingsOf } from './search-settings.ts';
import { addDefinitionReads } from './sessions/definition-routes.ts';
import { addErasures } from './sessions/erasure-routes.ts';
import { Previews } from './sessions/previews.ts';
import { addSearch } from './sessions/search-routes.ts';
import { addSessionReads } from './sessions/session-routes.ts';
import { createSessionFrames } from './sessions/session-stream.ts';
import { addUsageReads } from './sessions/usage-routes.ts';
import { createStreamFrames } from './sse.ts';
import { addStreamReads } from './stream-routes.ts';

export { mcpDeclarations, mcpRole } from './mcp-role.ts';
export { searchDeclarations } from './search-settings.ts';

export interface ReadSettings {
  readonly longPollMs: number;
  readonly searchMemoryMib: number;
}

export const readDefaults: ReadSettings = {
  longPollMs: limits.longPollMs,
  searchMemoryMib,
};

/** Serves catch-up, long-poll and server-sent events. */
export interface ReadRoleParts {
  /** Where the index of events lies; without, nothing is searched. */
  readonly tables?: TableStore;
  /** Where events lie that the log has let go; without, nothing is exported. */
  readonly archive?: SegmentArchive;
}

export const readRole =
  (settings: ReadSettings = readDefaults, { tables, archive }: ReadRoleParts = {}): Role =>
  ({ edge, tenancy }, platform) => {
    const { longPollMs } = settings;
    const { shards, writes, wheel, parts } = platform;
    const followers = new Followers(shards.reader, setImmediate);
    const nowMs = (): number => parts.clock.nowMs();
    const random = (): number => parts.prng.below(1_000_000) / 1_000_000;
    const frames = createStreamFrames();
    const sessionFrames = createSessionFrames();
    const previews = new Previews(shards);
    const live = { shards, writes, wheel, longPollMs, followers, frames, nowMs, random };
    addStreamReads(edge, { ...live, tenancy });
    const search =
      tables &&
      new SessionSearch({ shards, tables, clock: parts.clock }, searchSettingsOf(settings));
    const sessions = { ...live, tenancy, sessionFrames, previews, search };
    if (search !== undefined) addSearch(edge, { ...sessions, search });
    addSessionReads(edge, sessions);
    addDefinitionReads(edge, sessions);
    const runFrames = createRunFrames();
    const runs = { ...sessions, runFrames };
    addRunReads(edge, runs);
    addDeliveryReads(edge, runs);
    addRunEventReads(edge, runs);
    addTurnWaits(edge, sessions, new TurnWaits(shards));
    addUsageReads(edge, sessions);
    if (archive !== undefined) addErasures(edge, { ...sessions, archive });
    edge.get('/openapi.json', { config: { isOpen: true } }, (_request, reply) =>
      reply.send(openApiDocument),
    );
    const endExports =
      archive && addExport(edge, { shards, tenancy, wheel, archive, logger: parts.logger });
    const channels = new Channels();
    const fleets = new Fleets(shards, parts.clock);
    edge.sockets.serve({
      path: '/v1/live',
      protocol: 'tidemark.v1',
      open: (socket) =>
        new LiveConnection({ shards, writes, tenancy, followers, channels, fleets }, socket),
    });
    const observe = (name: string, help: string, read: () => number): void =>
      parts.metrics.observedGauge({ name: `tidemark_read_${name}`, help }, read);
    observe('followers', 'who waits for more of a stream', () => followers.count);
    observe(
      'shared_frame_bytes',
      'frames kept for several followers',
      () => frames.bytes + sessionFrames.bytes + runFrames.bytes + channels.bytes,
    );
    if (search !== undefined) {
      observe('search_tail_bytes', 'index of what is not published', () => search.tailBytes);
      observe('search_index_bytes', 'index of what is published', () => search.decodedBytes);
    }
    return {
      close: () => {
        followers.close();
        endExports?.();
      },
      end: () => Promise.resolve(search?.close()),
    };
  };

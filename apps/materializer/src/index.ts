// Publishes what is folded: sessions, their catalogue, and an index of their events.

import { assignedShards, type Background } from '@tidemark/platform';
import { sleep } from '@tidemark/ports';
import type { TablePublications } from '@tidemark/replica';
import { Publisher, publisherDefaults } from '@tidemark/replica/publish';
import { SessionIndexer } from '@tidemark/session-search/publish';

export { publishDeclarations } from './settings.ts';

interface PublishSettings {
  readonly publishMs: number;
  readonly drainMs: number;
  /** The shards that a group of processes shares; without, those that somebody here uses. */
  readonly isAssigned?: boolean;
}

/**
 * So that sessions need not stay in memory, a process that starts has little to fold, and events are found.
 * Whoever else publishes a shard at the same time loses, and goes on from there.
 */
export const publishing =
  (
    publications: TablePublications,
    { drainMs, publishMs, isAssigned = false }: PublishSettings,
  ): Background =>
  ({ parts, shards }) => {
    const { clock, logger } = parts;
    const { store: objects, tables } = publications;
    const indexer = new SessionIndexer({ objects, tables, clock, reader: shards.reader });
    const settings = { ...publisherDefaults, everyMs: publishMs };
    const publisher = new Publisher({ ...parts, publications, indexer }, shards, settings);
    publisher.start();
    const ending = new AbortController();
    const group = { ...parts, group: 'tidemark-materializer' };
    const assigned = isAssigned ? assignedShards(group, shards, ending.signal) : Promise.resolve();
    return {
      async end() {
        ending.abort();
        await assigned;
        const published = publisher.publishAll().catch((cause: unknown) => {
          logger.warn({ err: cause }, 'the last changes are not published');
        });
        await Promise.race([published, sleep(clock, drainMs)]);
        await publisher[Symbol.asyncDispose]();
      },
    };
  };

import type { Background } from '@tidemark/platform';
import { sleep } from '@tidemark/ports';
import type { TablePublications } from '@tidemark/replica';
import { Publisher } from '@tidemark/replica/publish';

interface PublishSettings {
  readonly drainMs: number;
}

/** Publishes the sessions that this process has folded, so that they need not stay in memory. */
export const publishing =
  (publications: TablePublications, { drainMs }: PublishSettings): Background =>
  ({ parts, shards }) => {
    const publisher = new Publisher({ ...parts, publications }, shards);
    publisher.start();
    return {
      async end() {
        const { clock, logger } = parts;
        const published = publisher.publishAll().catch((cause: unknown) => {
          logger.warn({ err: cause }, 'the last changes are not published');
        });
        await Promise.race([published, sleep(clock, drainMs)]);
        await publisher[Symbol.asyncDispose]();
      },
    };
  };

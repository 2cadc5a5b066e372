import type { SharedS3 } from '@tidemark/infra';
import { createSystemClock, createSystemPrng } from '@tidemark/platform';
import { silentLogger, silentMetrics } from '@tidemark/ports';
import { openS3Store } from '@tidemark/s3';
import { Secret } from '@tidemark/std';

export type PlainStore = Awaited<ReturnType<typeof openS3Store>>;

/** The store that a server is given, without one: what its requests alone cost. */
export const openPlainStore = (s3: SharedS3): Promise<PlainStore> =>
  openS3Store(
    {
      clock: createSystemClock(),
      prng: createSystemPrng(),
      logger: silentLogger,
      metrics: silentMetrics,
    },
    { ...s3, secretAccessKey: new Secret(s3.secretAccessKey) },
  );

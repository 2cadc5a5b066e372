import type { S3Address } from '@tidemark/infra';
import { createSystemClock, createSystemPrng } from '@tidemark/platform';
import { type ObjectStore, silentLogger, silentMetrics } from '@tidemark/ports';
import { openS3Store } from '@tidemark/s3';
import { Secret } from '@tidemark/std';

/** What lies in a bucket, looked at from outside. */
export const openPlainStore = (s3: S3Address): Promise<ObjectStore> =>
  openS3Store(
    {
      clock: createSystemClock(),
      prng: createSystemPrng(),
      logger: silentLogger,
      metrics: silentMetrics,
    },
    { ...s3, secretAccessKey: new Secret(s3.secretAccessKey) },
  );

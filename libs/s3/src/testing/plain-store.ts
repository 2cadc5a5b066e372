// A bucket as a test or a benchmark looks at it: without a server of ours, by the machine's clock.

import { type Clock, type ObjectStore, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng } from '@tidemark/ports/testing';
import { Secret } from '@tidemark/std';
import { openS3Store, type S3StoreComponents, type S3StoreSettings } from '../s3-store.ts';

const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export const plainComponents: S3StoreComponents = {
  clock,
  logger: silentLogger,
  metrics: silentMetrics,
  prng: new SeededPrng(1),
};

type PlainSettings = Omit<S3StoreSettings, 'secretAccessKey'> & {
  readonly secretAccessKey: string;
};

export const openPlainStore = ({
  secretAccessKey,
  ...settings
}: PlainSettings): Promise<ObjectStore> =>
  openS3Store(plainComponents, { ...settings, secretAccessKey: new Secret(secretAccessKey) });

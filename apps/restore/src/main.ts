// Makes what a bucket has again in an empty cluster, where the log is lost. What is found, made and missing is told as
// JSON, a line each; the last one sums it up.

import { resolve } from 'node:path';
import { openFolderStore } from '@tidemark/disk';
import { createSystemClock, createSystemPrng, main } from '@tidemark/platform';
import { silentLogger, silentMetrics } from '@tidemark/ports';
import { openS3Store, s3SettingsOf } from '@tidemark/s3';
import { publishedIn } from '@tidemark/segments';
import { readSettings } from '@tidemark/std';
import { restoreBucket } from './restored-bucket.ts';
import { restoreDeclarations } from './settings.ts';

await main(async () => {
  const settings = readSettings(restoreDeclarations, 'TIDEMARK_', process.env);
  const parts = {
    clock: createSystemClock(),
    prng: createSystemPrng(),
    logger: silentLogger,
    metrics: silentMetrics,
  };
  await using store =
    settings.objects === 's3'
      ? await openS3Store(parts, s3SettingsOf(settings))
      : await openFolderStore(parts, { directory: resolve(settings.dataDir, 'objects') });
  const tell = (told: object): void => void process.stdout.write(`${JSON.stringify(told)}\n`);
  const target = { url: settings.url, adminKey: settings.adminKey.reveal() };
  const report = await restoreBucket({ store, ...publishedIn(store) }, target, tell);
  tell({ restored: report });
});

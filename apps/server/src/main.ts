import { resolve } from 'node:path';
import { dashboardRole } from '@tidemark/dashboard';
import {
  cacheSettingsOf,
  type DiskLog,
  nodeFiles,
  openDiskLog,
  openFolderStore,
  openRangeCache,
} from '@tidemark/disk';
import { checkKeys, serve } from '@tidemark/edge';
import { ingestRole } from '@tidemark/ingest';
import { kafkaSettingsOf, openKafkaLog } from '@tidemark/kafka';
import { publishing } from '@tidemark/materializer';
import {
  type BucketSettings,
  createSystemClock,
  createSystemPrng,
  main,
  openIn,
  runProcess,
  TenantStores,
} from '@tidemark/platform';
import { mcpRole, readRole } from '@tidemark/read';
import { relayRole } from '@tidemark/relay';
import { openS3Store, s3SettingsOf } from '@tidemark/s3';
import { publishedIn } from '@tidemark/segments';
import { readSettings } from '@tidemark/std';
import { createLogger, createMetrics } from '@tidemark/telemetry';
import { archiving } from '@tidemark/tiering';
import { ObjectCheck } from './object-check.ts';
import { serverDeclarations } from './settings.ts';

await main(async () => {
  const settings = readSettings(serverDeclarations, 'TIDEMARK_', process.env);
  checkKeys(settings);
  const logger = createLogger({ level: settings.logLevel });
  const metrics = createMetrics();
  const parts = { clock: createSystemClock(), prng: createSystemPrng(), logger, metrics };
  const directory = resolve(settings.dataDir);
  const logDirectory = resolve(directory, 'log');
  const objectsDirectory = resolve(directory, 'objects');
  await using log =
    settings.log === 'kafka'
      ? openKafkaLog(parts, kafkaSettingsOf(settings))
      : await openIn(logDirectory, () =>
          openDiskLog({ ...parts, files: nodeFiles }, { directory: logDirectory }),
        );
  await using own =
    settings.objects === 's3'
      ? await openS3Store(parts, s3SettingsOf(settings))
      : await openIn(objectsDirectory, () =>
          openFolderStore(parts, { directory: objectsDirectory }),
        );
  const { sealingKey } = settings;
  const open = (bucket: BucketSettings) => openS3Store(parts, bucket);
  await using stores = new TenantStores({ ...parts, own, open, sealingKey, isOwnNeeded: true });
  const check = new ObjectCheck(own, parts);
  check.start();
  logger.info({ log: settings.log, objects: settings.objects, directory }, 'storage opened');
  const caching = cacheSettingsOf(settings);
  await using cached = caching && (await openRangeCache(stores, parts, caching));
  const objects = cached ?? stores;
  const published = { ...publishedIn(objects), stores };
  const roles = [
    ingestRole(settings),
    readRole(settings, published),
    mcpRole(settings),
    relayRole(settings),
    dashboardRole(),
  ];
  const failures = (): Record<string, string> => {
    const stoppedBy = 'stoppedBy' in log ? (log as DiskLog).stoppedBy : undefined;
    return { ...(stoppedBy === undefined ? {} : { log: stoppedBy }), ...check.failures() };
  };
  const front = { roles, failures, renderMetrics: () => metrics.render() };
  await runProcess({ ...parts, log, ...published, isPublishing: true }, settings, {
    name: 'server',
    async listen(platform) {
      const listening = await serve(platform, front, settings);
      logger.info({ url: `${listening.url}/` }, 'the dashboard is here');
      return listening;
    },
    background: [
      publishing(published.publications, settings),
      archiving({ ...published, store: objects }, settings),
    ],
  });
  check.close();
});

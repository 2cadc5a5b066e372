import { kafkaSettingsOf, openKafkaLog } from '@tidemark/kafka';
import {
  type BucketSettings,
  createSystemClock,
  createSystemPrng,
  main,
  runProcess,
  serveOperations,
  TenantStores,
} from '@tidemark/platform';
import { openS3Store, s3SettingsOf } from '@tidemark/s3';
import { publishedIn } from '@tidemark/segments';
import { readSettings } from '@tidemark/std';
import { createLogger, createMetrics } from '@tidemark/telemetry';
import { publishing } from './index.ts';
import { materializerDeclarations } from './settings.ts';

await main(async () => {
  const settings = readSettings(materializerDeclarations, 'TIDEMARK_', process.env);
  const logger = createLogger({ level: settings.logLevel, fields: { app: 'materializer' } });
  const metrics = createMetrics();
  const parts = { clock: createSystemClock(), prng: createSystemPrng(), logger, metrics };
  await using log = openKafkaLog(parts, kafkaSettingsOf(settings));
  await using own = await openS3Store(parts, s3SettingsOf(settings));
  const { sealingKey } = settings;
  const open = (bucket: BucketSettings) => openS3Store(parts, bucket);
  await using stores = new TenantStores({
    ...parts,
    own,
    open,
    sealingKey,
    isOwnNeeded: true,
  });
  const published = { ...publishedIn(stores), stores };
  await runProcess({ ...parts, log, ...published, isPublishing: true }, settings, {
    name: 'materializer',
    listen: (platform) =>
      serveOperations(
        {
          failures: () => platform.failures(),
          warnings: () => platform.alarms.warnings(),
          renderMetrics: () => metrics.render(),
        },
        settings,
      ),
    background: [publishing(published.publications, { ...settings, isAssigned: true })],
  });
});

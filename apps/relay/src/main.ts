import { checkKeys, edgeDeclarations, serve } from '@tidemark/edge';
import { kafkaDeclarations, kafkaSettingsOf, openKafkaLog } from '@tidemark/kafka';
import {
  type BucketSettings,
  createSystemClock,
  createSystemPrng,
  main,
  processDeclarations,
  runProcess,
  TenantStores,
} from '@tidemark/platform';
import { objectDeclarations, openS3Store, s3SettingsOf } from '@tidemark/s3';
import { publishedIn } from '@tidemark/segments';
import { readSettings } from '@tidemark/std';
import { createLogger, createMetrics } from '@tidemark/telemetry';
import { relayDeclarations, relayRole } from './index.ts';

await main(async () => {
  const declarations = {
    ...processDeclarations,
    ...edgeDeclarations,
    ...kafkaDeclarations,
    ...objectDeclarations,
    ...relayDeclarations,
  };
  const settings = readSettings(declarations, 'TIDEMARK_', process.env);
  checkKeys(settings);
  const logger = createLogger({ level: settings.logLevel, fields: { app: 'relay' } });
  const metrics = createMetrics();
  const parts = { clock: createSystemClock(), prng: createSystemPrng(), logger, metrics };
  await using log = openKafkaLog(parts, kafkaSettingsOf(settings));
  await using own =
    settings.objects === 's3' ? await openS3Store(parts, s3SettingsOf(settings)) : undefined;
  const { sealingKey } = settings;
  const open = (bucket: BucketSettings) => openS3Store(parts, bucket);
  await using stores = own && new TenantStores({ ...parts, own, open, sealingKey });
  const published = stores === undefined ? {} : { ...publishedIn(stores), stores };
  const roles = [relayRole(settings)];
  const front = { roles, renderMetrics: () => metrics.render() };
  await runProcess({ ...parts, log, ...published }, settings, {
    name: 'relay',
    listen: (platform) => serve(platform, front, settings),
  });
});

import { dashboardRole } from '@tidemark/dashboard';
import { cacheDeclarations, cacheSettingsOf, openRangeCache } from '@tidemark/disk';
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
import { mcpRole, readRole, searchDeclarations } from './index.ts';

await main(async () => {
  const declarations = {
    ...processDeclarations,
    ...edgeDeclarations,
    ...kafkaDeclarations,
    ...objectDeclarations,
    ...cacheDeclarations,
    ...searchDeclarations,
  };
  const settings = readSettings(declarations, 'TIDEMARK_', process.env);
  checkKeys(settings);
  const logger = createLogger({ level: settings.logLevel, fields: { app: 'read' } });
  const metrics = createMetrics();
  const parts = { clock: createSystemClock(), prng: createSystemPrng(), logger, metrics };
  await using log = openKafkaLog(parts, kafkaSettingsOf(settings));
  await using own =
    settings.objects === 's3' ? await openS3Store(parts, s3SettingsOf(settings)) : undefined;
  const { sealingKey } = settings;
  const open = (bucket: BucketSettings) => openS3Store(parts, bucket);
  await using stores = own && new TenantStores({ ...parts, own, open, sealingKey });
  const caching = cacheSettingsOf(settings);
  await using cached = stores && caching && (await openRangeCache(stores, parts, caching));
  const published = stores === undefined ? {} : { ...publishedIn(cached ?? stores), stores };
  const roles = [readRole(settings, published), mcpRole(), dashboardRole()];
  const front = { roles, renderMetrics: () => metrics.render() };
  await runProcess({ ...parts, log, ...published }, settings, {
    name: 'read',
    async listen(platform) {
      const listening = await serve(platform, front, settings);
      logger.info({ url: `${listening.url}/` }, 'the dashboard is here');
      return listening;
    },
  });
});

import { dashboardRole } from '@tidemark/dashboard';
import { checkKeys, edgeDeclarations, serve } from '@tidemark/edge';
import { kafkaDeclarations, kafkaSettingsOf, openKafkaLog } from '@tidemark/kafka';
import {
  createSystemClock,
  createSystemPrng,
  main,
  processDeclarations,
  runProcess,
} from '@tidemark/platform';
import { objectDeclarations, openS3Store, s3SettingsOf } from '@tidemark/s3';
import { publishedIn } from '@tidemark/segments';
import { readSettings } from '@tidemark/std';
import { createLogger, createMetrics } from '@tidemark/telemetry';
import { mcpRole, readRole } from './index.ts';

await main(async () => {
  const declarations = {
    ...processDeclarations,
    ...edgeDeclarations,
    ...kafkaDeclarations,
    ...objectDeclarations,
  };
  const settings = readSettings(declarations, 'TIDEMARK_', process.env);
  checkKeys(settings);
  const logger = createLogger({ level: settings.logLevel, fields: { app: 'read' } });
  const metrics = createMetrics();
  const parts = { clock: createSystemClock(), prng: createSystemPrng(), logger, metrics };
  await using log = openKafkaLog(parts, kafkaSettingsOf(settings));
  await using objects =
    settings.objects === 's3' ? await openS3Store(parts, s3SettingsOf(settings)) : undefined;
  const published = objects === undefined ? {} : publishedIn(objects);
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

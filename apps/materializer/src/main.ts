import { kafkaSettingsOf, openKafkaLog } from '@tidemark/kafka';
import {
  createSystemClock,
  createSystemPrng,
  main,
  runProcess,
  serveOperations,
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
  await using objects = await openS3Store(parts, s3SettingsOf(settings));
  const published = publishedIn(objects);
  await runProcess({ ...parts, log, ...published, isPublishing: true }, settings, {
    name: 'materializer',
    listen: (platform) =>
      serveOperations(
        { failures: () => platform.failures(), renderMetrics: () => metrics.render() },
        settings,
      ),
    background: [publishing(published.publications, { ...settings, isAssigned: true })],
  });
});

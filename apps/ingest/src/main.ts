import { checkKeys, edgeDeclarations, serve } from '@tidemark/edge';
import { kafkaDeclarations, kafkaSettingsOf, openKafkaLog } from '@tidemark/kafka';
import {
  createSystemClock,
  createSystemPrng,
  main,
  processDeclarations,
  runProcess,
} from '@tidemark/platform';
import { readSettings } from '@tidemark/std';
import { createLogger, createMetrics } from '@tidemark/telemetry';
import { ingestRole } from './index.ts';

await main(async () => {
  const declarations = { ...processDeclarations, ...edgeDeclarations, ...kafkaDeclarations };
  const settings = readSettings(declarations, 'TIDEMARK_', process.env);
  checkKeys(settings);
  const logger = createLogger({ level: settings.logLevel, fields: { app: 'ingest' } });
  const metrics = createMetrics();
  const parts = { clock: createSystemClock(), prng: createSystemPrng(), logger, metrics };
  await using log = openKafkaLog(parts, kafkaSettingsOf(settings));
  const roles = [ingestRole(settings)];
  const front = { roles, renderMetrics: () => metrics.render() };
  await runProcess({ ...parts, log }, settings, {
    name: 'ingest',
    listen: (platform) => serve(platform, front, settings),
  });
});

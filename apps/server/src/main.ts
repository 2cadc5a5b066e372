import { resolve } from 'node:path';
import { nodeFiles, openDiskLog } from '@tidemark/disk';
import { checkKeys, createSystemPrng, main, runProcess, systemClock } from '@tidemark/edge';
import { ingestRole } from '@tidemark/ingest';
import { kafkaSettingsOf, openKafkaLog } from '@tidemark/kafka';
import { readRole } from '@tidemark/read';
import { readSettings } from '@tidemark/std';
import { createLogger, createMetrics } from '@tidemark/telemetry';
import { serverDeclarations } from './settings.ts';

await main(async () => {
  const settings = readSettings(serverDeclarations, 'TIDEMARK_', process.env);
  checkKeys(settings);
  const logger = createLogger({ level: settings.logLevel });
  const metrics = createMetrics();
  const parts = { clock: systemClock, prng: createSystemPrng(), logger, metrics };
  const directory = resolve(settings.dataDir);
  const files = nodeFiles;
  await using log =
    settings.log === 'kafka'
      ? openKafkaLog(parts, kafkaSettingsOf(settings))
      : await openDiskLog({ ...parts, files }, { directory });
  const where = settings.log === 'kafka' ? { brokers: settings.brokers } : { directory };
  logger.info({ log: settings.log, ...where }, 'log opened');
  const roles = [ingestRole(settings), readRole(settings)];
  const running = { ...parts, log, renderMetrics: () => metrics.render() };
  await runProcess(running, settings, { name: 'server', roles });
});

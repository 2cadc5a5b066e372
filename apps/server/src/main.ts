import { resolve } from 'node:path';
import { type DiskLog, nodeFiles, openDiskLog, openFolderStore } from '@tidemark/disk';
import { checkKeys, serve } from '@tidemark/edge';
import { ingestRole } from '@tidemark/ingest';
import { kafkaSettingsOf, openKafkaLog } from '@tidemark/kafka';
import { createSystemClock, createSystemPrng, main, openIn, runProcess } from '@tidemark/platform';
import { readRole } from '@tidemark/read';
import { relayRole } from '@tidemark/relay';
import { TablePublications } from '@tidemark/replica';
import { openS3Store, s3SettingsOf } from '@tidemark/s3';
import { readSettings } from '@tidemark/std';
import { TableStore } from '@tidemark/tables';
import { createLogger, createMetrics } from '@tidemark/telemetry';
import { ObjectCheck } from './object-check.ts';
import { publishing } from './publishing.ts';
import { serverDeclarations } from './settings.ts';

/** For ends and blocks of tables, beside the memory for sessions. */
const tableCacheBytes = 64 * 1024 * 1024;

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
  await using objects =
    settings.objects === 's3'
      ? await openS3Store(parts, s3SettingsOf(settings))
      : await openIn(objectsDirectory, () =>
          openFolderStore(parts, { directory: objectsDirectory }),
        );
  const check = new ObjectCheck(objects, parts);
  check.start();
  logger.info({ log: settings.log, objects: settings.objects, directory }, 'storage opened');
  const tables = new TableStore(objects, { cacheBytesMax: tableCacheBytes });
  const publications = new TablePublications(objects, tables);
  const roles = [ingestRole(settings), readRole(settings), relayRole(settings)];
  const failures = (): Record<string, string> => {
    const stoppedBy = 'stoppedBy' in log ? (log as DiskLog).stoppedBy : undefined;
    return { ...(stoppedBy === undefined ? {} : { log: stoppedBy }), ...check.failures() };
  };
  const front = { roles, failures, renderMetrics: () => metrics.render() };
  await runProcess({ ...parts, log, publications }, settings, {
    name: 'server',
    listen: (platform) => serve(platform, front, settings),
    background: [publishing(publications, settings)],
  });
  check.close();
});

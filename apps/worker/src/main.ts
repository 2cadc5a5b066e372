import { resolve } from 'node:path';
import { createSystemClock, main } from '@tidemark/platform';
import { readSettings } from '@tidemark/std';
import { createLogger } from '@tidemark/telemetry';
import { runWorker } from './index.ts';
import { workerDeclarations } from './settings.ts';

await main(async () => {
  const settings = readSettings(workerDeclarations, 'TIDEMARK_', process.env);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort());
  const logger = createLogger({ level: 'info', fields: { app: 'worker' } });
  const parts = { clock: createSystemClock(), logger, path: process.env['PATH'] ?? '' };
  const folder = resolve(settings.folder);
  await runWorker(parts, { ...settings, folder }, stop.signal);
});

import { silentLogger, silentMetrics } from '@tidemark/ports';
import {
  describeEventLog,
  SeededPrng,
  SimulatedClock,
  SimulatedFiles,
} from '@tidemark/ports/testing';
import { openDiskLog } from './disk-log.ts';

describeEventLog('the disk log over simulated files', async () => {
  const clock = new SimulatedClock();
  const log = await openDiskLog(
    {
      clock,
      logger: silentLogger,
      metrics: silentMetrics,
      files: new SimulatedFiles({ prng: new SeededPrng(1) }),
    },
    { directory: 'log', fileBytes: 1_024 * 1_024 },
  );
  return { log, clock, [Symbol.asyncDispose]: () => log[Symbol.asyncDispose]() };
});

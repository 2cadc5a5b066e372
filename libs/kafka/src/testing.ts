import { randomBytes, randomInt } from 'node:crypto';
import { type Clock, type EventLog, silentLogger, silentMetrics } from '@tidemark/ports';
import { KafkaLog } from './kafka-log.ts';
import { type AppendSabotage, noSabotage } from './pending-append.ts';
import type { KafkaComponents, KafkaSettings } from './settings.ts';

export type { AppendSabotage } from './pending-append.ts';

/** The log with one thing broken, to show that a test sees it. */
export const openSabotagedKafkaLog = (
  components: KafkaComponents,
  settings: KafkaSettings,
  sabotage: Partial<AppendSabotage>,
): EventLog => new KafkaLog(components, settings, { ...noSabotage, ...sabotage });

const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Real time and randomness, and nothing that is written anywhere. */
export const realComponents: KafkaComponents = {
  clock: systemClock,
  logger: silentLogger,
  metrics: silentMetrics,
  prng: {
    bytes: (count) => randomBytes(count),
    hex: (count) => randomBytes(count).toString('hex'),
    below: (bound) => randomInt(bound),
  },
};

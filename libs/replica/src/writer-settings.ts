import { limits } from '@tidemark/protocol';
import type { FairnessBounds } from './fairness.ts';

export interface WriterSettings extends FairnessBounds {
  /** Commands that may wait, and their bytes, before more are refused. */
  readonly queueCountMax: number;
  readonly queueBytesMax: number;
  readonly deadlineMs: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

export const writerDefaults: WriterSettings = {
  queueCountMax: 16_384,
  queueBytesMax: 64 * 1024 * 1024,
  deadlineMs: limits.appendDeadlineMs,
  retryMsMin: 20,
  retryMsMax: 1_000,
  holdMsMin: 1,
  holdMsMax: 100,
};

// Why a shard serves nothing until an operator has looked, and how that is told.

import { isFault, type Shard } from '@tidemark/ports';
import { hasCode, isProblem, Problem } from '@tidemark/protocol';

export type StopReason =
  | 'corrupt'
  | 'diverged'
  | 'foreign-epoch'
  | 'log-lost'
  | 'log-replaced'
  | 'log-trimmed'
  | 'unknown-level'
  | 'unsafe-topic';

/** The shard serves nothing until an operator has looked: `advice` says at what. */
export class ShardStopped extends Error {
  override readonly name = 'ShardStopped';
  readonly reason: StopReason;
  readonly advice: string;

  constructor(reason: StopReason, message: string, advice: string) {
    super(message);
    this.reason = reason;
    this.advice = advice;
  }
}

export const logAdvice =
  'Kafka lost or replaced this log: compare the topic with its backups before anything is written, ' +
  'then recover into a new log epoch';

export const levelAdvice = 'replace this process by the release that raised the level';

export const foldAdvice =
  'two processes folded the same log to different states: stop the one whose release is older, ' +
  'compare their digests, and start it again from the log';

const stopReasons: Partial<Record<string, StopReason>> = {
  'below-start': 'log-trimmed',
  'above-end': 'log-lost',
  missing: 'log-lost',
  corrupt: 'corrupt',
};

/** What a log's own word stops a shard for; undefined where it is no such word. */
export function stoppedBy(cause: unknown): ShardStopped | undefined {
  if (cause instanceof ShardStopped) return cause;
  if (!isFault(cause)) return undefined;
  const reason = stopReasons[cause.reason];
  return reason === undefined ? undefined : new ShardStopped(reason, cause.message, logAdvice);
}

export function stoppedProblem(shard: Shard, stopped: ShardStopped): Problem {
  const detail = `the shard waits for its operator. reason=${stopped.reason} shard=${shard}`;
  return new Problem('shard-stopped', detail, { cause: stopped });
}

export const isTrimmed = (cause: unknown): boolean =>
  isFault(cause) && cause.reason === 'below-start';
export const isMissing = (cause: unknown): boolean => isFault(cause) && cause.reason === 'missing';
export const isUnavailable = (cause: unknown): boolean =>
  isProblem(cause) && hasCode(cause, 'unavailable');

import type { AppendOutcome, BatchSource, Clock, Counter, Metrics, Shard } from '@tidemark/ports';
import type { Brokers } from './brokers.ts';
import { appendOutcomeOf } from './errors.ts';
import type { ClusterMetadata } from './metadata.ts';

export interface PendingAppend {
  readonly shard: Shard;
  readonly source: BatchSource;
  readonly sinceMs: number;
  readonly end: (outcome: AppendOutcome | undefined) => void;
}

/** What a test may break on purpose, to show that another test sees it. */
export interface AppendSabotage {
  readonly acks: number;
  readonly attempts: number;
  readonly outcomeOf: typeof appendOutcomeOf;
}

export const noSabotage: AppendSabotage = { acks: -1, attempts: 1, outcomeOf: appendOutcomeOf };

export interface AppenderParts {
  readonly metrics: AppendMetrics;
  readonly clock: Clock;
  readonly brokers: Brokers;
  readonly metadata: ClusterMetadata;
  readonly sabotage: AppendSabotage;
}

export interface AppendMetrics {
  readonly outcomes: Counter;
  readonly requests: Counter;
}

export const appendMetricsOf = (metrics: Metrics): AppendMetrics => ({
  outcomes: metrics.counter({
    name: 'tidemark_kafka_appends_total',
    help: 'Appends by how they ended.',
    labels: ['outcome'],
  }),
  requests: metrics.counter({
    name: 'tidemark_kafka_produce_requests_total',
    help: 'Produce requests sent; appends to one of them is the depth of the lanes.',
  }),
});

export const unsent = (reason: string, retryable = true): AppendOutcome => ({
  kind: 'not-committed',
  reason,
  retryable,
});

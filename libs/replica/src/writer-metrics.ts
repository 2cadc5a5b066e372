import type { Counter, Histogram, Metrics } from '@tidemark/ports';

export interface WriterMetrics {
  readonly appended: Counter;
  readonly voided: Counter;
  readonly unknown: Counter;
  readonly batches: Counter;
  readonly fetchFree: Counter;
  readonly commitSeconds: Histogram;
}

export function writerMetrics(metrics: Metrics): WriterMetrics {
  const counter = (name: string, help: string) =>
    metrics.counter({ name: `tidemark_writer_${name}_total`, help });
  return {
    appended: counter('appended_records', 'records that stand'),
    voided: counter('voided_records', 'records that another came before, decided again'),
    unknown: counter(
      'unknown_outcomes',
      'batches produced again because their outcome was unknown',
    ),
    batches: counter('committed_batches', 'batches that the log took'),
    fetchFree: counter('unfetched_batches', 'batches answered without reading anything back'),
    commitSeconds: metrics.histogram({
      name: 'tidemark_writer_commit_seconds',
      help: 'time of the first command of each batch from its coming to its answer',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10],
    }),
  };
}

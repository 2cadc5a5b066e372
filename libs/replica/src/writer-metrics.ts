import type { Counter, Metrics } from '@tidemark/ports';

export interface WriterMetrics {
  readonly appended: Counter;
  readonly voided: Counter;
  readonly unknown: Counter;
  readonly batches: Counter;
  readonly fetchFree: Counter;
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
  };
}

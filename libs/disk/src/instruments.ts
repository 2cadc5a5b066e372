import type { Counter, Histogram, Metrics } from '@tidemark/ports';

export interface Instruments {
  readonly syncSeconds: Histogram;
  written(batches: number, bytes: number): void;
}

export function createInstruments(
  metrics: Metrics,
  read: { readonly files: () => number; readonly isStopped: () => number },
): Instruments {
  const counter = (name: string, help: string): Counter => metrics.counter({ name, help });
  const groups = counter('tidemark_disk_groups_total', 'groups written, each one sync');
  const batches = counter('tidemark_disk_batches_total', 'batches committed');
  const written = counter('tidemark_disk_written_bytes_total', 'bytes written to the log');
  metrics.observedGauge(
    { name: 'tidemark_disk_files_count', help: 'files that the log holds' },
    read.files,
  );
  metrics.observedGauge(
    { name: 'tidemark_disk_stopped_count', help: '1 once a failed write has stopped the log' },
    read.isStopped,
  );
  return {
    syncSeconds: metrics.histogram({
      name: 'tidemark_disk_sync_seconds',
      help: 'time of one group from its write to its durability',
      buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1, 5],
    }),
    written(batchCount, bytes) {
      groups.add(1);
      batches.add(batchCount);
      written.add(bytes);
    },
  };
}

import type { Counter, Histogram, Metrics } from '@tidemark/ports';
import type { LogFile } from './log-file.ts';

export interface Instruments {
  readonly syncSeconds: Histogram;
  written(batches: number, bytes: number): void;
  moved(bytes: number): void;
}

export function createInstruments(
  metrics: Metrics,
  read: {
    readonly files: () => readonly LogFile[];
    readonly isStopped: () => boolean;
  },
): Instruments {
  const counter = (name: string, help: string): Counter => metrics.counter({ name, help });
  const groups = counter('tidemark_disk_groups_total', 'groups written, each one sync');
  const batches = counter('tidemark_disk_batches_total', 'batches committed');
  const moved = counter('tidemark_disk_moved_bytes_total', 'bytes moved on from files to be freed');
  const written = counter('tidemark_disk_written_bytes_total', 'bytes written to the log');
  metrics.observedGauge(
    { name: 'tidemark_disk_files_count', help: 'files that the log holds' },
    () => read.files().length,
  );
  metrics.observedGauge(
    { name: 'tidemark_disk_live_bytes', help: 'bytes in the log that are not trimmed' },
    () => read.files().reduce((sum, { liveBytes }) => sum + liveBytes, 0),
  );
  metrics.observedGauge(
    { name: 'tidemark_disk_stopped_count', help: '1 once a failed write has stopped the log' },
    () => (read.isStopped() ? 1 : 0),
  );
  return {
    syncSeconds: metrics.histogram({
      name: 'tidemark_disk_sync_seconds',
      help: 'time of one group from its write to its durability',
      buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1, 5],
    }),
    moved: (bytes) => moved.add(bytes),
    written(batchCount, bytes) {
      groups.add(1);
      batches.add(batchCount);
      written.add(bytes);
    },
  };
}

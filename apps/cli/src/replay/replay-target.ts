import type { EventLine } from '@tidemark/parquet';

export interface TakenBatch {
  readonly partition: number;
  readonly lines: readonly EventLine[];
}

/** Done with: all of a partition below an offset, and so many events since it was told last. */
export interface Settled {
  readonly partition: number;
  readonly below: number;
  readonly events: number;
}

/** Where a replay puts its events. */
export interface ReplayTarget {
  /** Takes a batch; what is durable, or delivered, is told as settled, by then or later. */
  take(batch: TakenBatch): Promise<void>;
  /** Nothing follows in the partition. */
  endPartition(): Promise<void>;
  /** Lets go of what it has open, whether all was taken or not. */
  close?(): Promise<void>;
}

/** Called by a target: what it has done up to there counts from now on, and files that are named for nothing. */
export type OnSettled = (settled: Settled, pending: readonly string[]) => Promise<void>;

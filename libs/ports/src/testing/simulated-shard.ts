// One shard of the simulated log.
// (1) start <= committed end <= log end. Readers see nothing at or beyond the committed end.
// (2) What is committed stays, until it is trimmed.
// (3) A fail-over keeps a prefix of what was not committed, by whole batches, and commits it.

import { assert } from '@tidemark/std';
import type { LogRecord, ReadChunk, ShardBounds, StoredRecord } from '../event-log.ts';

interface PendingBatch {
  readonly end: number;
  readonly settled: (outcome: 'committed' | 'unknown') => void;
}

export class SimulatedShard {
  #start = 0;
  #committedEnd = 0;
  /** By offset, from `#start`; undefined where the log keeps something for itself. */
  #records: (StoredRecord | undefined)[] = [];
  #pending: PendingBatch[] = [];
  #term = 1;
  #deposed: { readonly end: number; readonly untilMs: number } | undefined;
  readonly #waiters = new Set<() => void>();

  get term(): number {
    return this.#term;
  }

  get #logEnd(): number {
    return this.#start + this.#records.length;
  }

  get bounds(): ShardBounds {
    return { start: BigInt(this.#start), end: BigInt(this.#committedEnd) };
  }

  /** What a leader that does not know of its fall would still answer. */
  deposedBounds(nowMs: number): ShardBounds {
    if (this.#deposed === undefined || this.#deposed.untilMs < nowMs) return this.bounds;
    return {
      start: BigInt(Math.min(this.#start, this.#deposed.end)),
      end: BigInt(this.#deposed.end),
    };
  }

  get committed(): readonly StoredRecord[] {
    return this.#slice(this.#start, this.#committedEnd);
  }

  /** Takes a batch that nobody sees before `commit` is called with its end. */
  append(batch: readonly LogRecord[], settled: PendingBatch['settled']): AppendedBatch {
    const baseOffset = this.#logEnd;
    for (const record of batch) {
      this.#records.push({ ...record, offset: BigInt(this.#logEnd) });
    }
    const end = this.#logEnd;
    this.#pending.push({ end, settled });
    return { baseOffset: BigInt(baseOffset), end, term: this.#term };
  }

  /** Followers copy in order: whatever lies below an end is committed with it. */
  commit(batch: AppendedBatch): void {
    if (batch.term !== this.#term || batch.end <= this.#committedEnd) return;
    this.#committedEnd = batch.end;
    const settled = this.#pending.filter((pending) => pending.end <= batch.end);
    this.#pending = this.#pending.filter((pending) => pending.end > batch.end);
    for (const pending of settled) pending.settled('committed');
    this.#wake();
  }

  /** A new leader, which had `keptCount` of the batches that were not committed yet. */
  failOver(options: { readonly keptCount: number; readonly deposedUntilMs: number }): void {
    this.#deposed = { end: this.#committedEnd, untilMs: options.deposedUntilMs };
    this.#term += 1;
    const pending = this.#pending;
    this.#pending = [];
    const kept = pending.slice(0, options.keptCount).at(-1);
    this.rewind(kept?.end ?? this.#committedEnd);
    for (const batch of pending) batch.settled('unknown');
    this.#wake();
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Cuts the log to an end and takes that for committed: below the committed end, a loss. */
  rewind(end: number): void {
    assert(end >= this.#start && end <= this.#logEnd, 'an end inside the log');
    this.#records.length = end - this.#start;
    this.#committedEnd = end;
    this.#wake();
  }

  /** Offsets that a reader never sees, as transaction markers take them. */
  skip(count: number): void {
    assert(this.#pending.length === 0, 'no batch is under way');
    for (let index = 0; index < count; index += 1) this.#records.push(undefined);
    this.#committedEnd = this.#logEnd;
    this.#wake();
  }

  trim(to: number): void {
    assert(to <= this.#committedEnd, 'a trim stays below the end');
    if (to <= this.#start) return;
    this.#records.splice(0, to - this.#start);
    this.#start = to;
  }

  /** What there is at an offset now. Undefined where a reader has to wait. */
  chunkAt(
    from: number,
    chunkBytesMax: number,
  ): ReadChunk | 'below-start' | 'above-end' | undefined {
    if (from < this.#start) return 'below-start';
    if (from > this.#logEnd) return 'above-end';
    if (from >= this.#committedEnd) return undefined;
    const records: StoredRecord[] = [];
    let end = from;
    for (let bytes = 0; end < this.#committedEnd; end += 1) {
      const record = this.#records[end - this.#start];
      if (record === undefined) continue;
      bytes += record.key.length + record.value.length;
      if (bytes > chunkBytesMax && records.length > 0) break;
      records.push(record);
    }
    return { records, nextOffset: BigInt(end) };
  }

  /** Calls once, at the next change. */
  onChange(waiter: () => void): () => void {
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  #slice(first: number, end: number): StoredRecord[] {
    return this.#records
      .slice(first - this.#start, end - this.#start)
      .filter((record) => record !== undefined);
  }

  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }
}

export interface AppendedBatch {
  readonly baseOffset: bigint;
  readonly end: number;
  readonly term: number;
}

// From the source to the target, with a checkpoint behind what is done.
//
// (1) What the checkpoint calls done is durable, or delivered. What came behind it comes again.
// (2) A replay ends where the log did when it began: one that is resumed ends there too.

import { setTimeout as delay } from 'node:timers/promises';
import { type EventLine, eventLine } from '@tidemark/parquet';
import type { CheckpointFile, ReplayState } from './checkpoint-file.ts';
import type { ReplayProgress } from './progress.ts';
import type { ReplayBatch, ReplaySource } from './replay-source.ts';
import type { OnSettled, ReplayTarget, Settled } from './replay-target.ts';

export interface ReplayOptions {
  readonly source: ReplaySource;
  readonly state: ReplayState;
  readonly file: CheckpointFile | undefined;
  readonly openTarget: (onSettled: OnSettled) => Promise<ReplayTarget>;
  readonly progress: ReplayProgress;
  /** Events a second at most. */
  readonly rate: number | undefined;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

/** Of what is delivered a checkpoint is written so often. */
const noteMs = 1_000;
/** What is sent at once, of what a second allows. */
const paceShare = 5;
/** Checkpoints that were told behind what is done; then every other one is forgotten. */
const toldMax = 4_096;

export class Replay {
  readonly #options: ReplayOptions;
  #state: ReplayState;
  #told: Pick<ReplayBatch, 'checkpoint' | 'offsets'>[] = [];
  #notedMs = 0;
  /** When the first were sent, and how many since. */
  #beganMs: number | undefined;
  #sent = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  /** Tells how many events there were, those of earlier runs included. */
  async run(): Promise<number> {
    const { source, openTarget, progress } = this.#options;
    const { after, before } = this.#state;
    const target = await openTarget((settled, pending) => this.#settle(settled, pending));
    try {
      let partition = -1;
      for await (const batch of source.batches({ after, before })) {
        if (batch.partition !== partition && partition !== -1) await target.endPartition();
        partition = batch.partition;
        await this.#take(target, batch);
        await progress.show(batch.lines.length, batch.offsets);
      }
      await target.endPartition();
    } finally {
      await target.close?.();
      await progress.clear();
    }
    this.#state = { ...this.#state, after: before, skip: null, pending: [] };
    await this.#note();
    return this.#state.events;
  }

  async #take(target: ReplayTarget, { lines, partition, ...told }: ReplayBatch): Promise<void> {
    const { skip } = this.#state;
    const below = skip?.partition === partition ? skip.below : 0;
    const wanted = lines.map(eventLine).filter(({ head }) => head.offset >= below);
    const { rate } = this.#options;
    const count = rate === undefined ? wanted.length : Math.ceil(rate / paceShare);
    for (let at = 0; at < wanted.length; at += count) {
      const some = wanted.slice(at, at + count);
      if (rate !== undefined) await this.#pace(some, rate);
      await target.take({ partition, lines: some });
    }
    this.#told.push(told);
    if (this.#told.length > toldMax) this.#told = this.#told.filter((_, index) => index % 2 === 0);
  }

  /** Waits until these may be sent. */
  async #pace({ length }: readonly EventLine[], rate: number): Promise<void> {
    const { nowMs, signal } = this.#options;
    this.#beganMs ??= nowMs();
    const waitMs = this.#beganMs + (this.#sent / rate) * 1_000 - nowMs();
    this.#sent += length;
    if (waitMs > 0) await delay(waitMs, undefined, { signal });
  }

  async #settle(settled: Settled, pending: readonly string[]): Promise<void> {
    const { partition, below, events } = settled;
    const isDone = ({ offsets }: Pick<ReplayBatch, 'offsets'>): boolean =>
      (offsets[partition] ?? 0) <= below;
    const after = this.#told.findLast(isDone)?.checkpoint ?? this.#state.after;
    this.#told = this.#told.filter((told) => !isDone(told));
    const hadPending = this.#state.pending.length > 0;
    this.#state = {
      ...this.#state,
      after,
      skip: { partition, below },
      events: this.#state.events + events,
      pending,
    };
    const { nowMs } = this.#options;
    const isUrgent = hadPending || pending.length > 0;
    if (isUrgent || nowMs() - this.#notedMs >= noteMs) await this.#note();
  }

  async #note(): Promise<void> {
    this.#notedMs = this.#options.nowMs();
    await this.#options.file?.write(this.#state);
  }
}

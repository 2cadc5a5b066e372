// Reads a shard's log into its fold, while somebody needs it.
//
// (1) Each reading begins at the anchor, and compares it before anything is folded.
// (2) One reading at a time. A fold that began anew meanwhile is read on from there: what was read for
//     the old one may lie behind a gap.
// (3) It reads on for a while behind the last record that only reading told: others who write here are
//     likely to write more.

import type { Timer } from '@tidemark/ports';
import { type Clock, type EventLog, type Shard, type StoredRecord, sleep } from '@tidemark/ports';
import { type Anchor, compareAnchor } from './anchor.ts';

/** Whose log is read. */
export interface PumpTarget {
  readonly fold: { readonly anchor: Anchor | undefined; readonly position: bigint };
  /** Changes when the fold begins anew. */
  reloads(): number;
  hasWaiters(): boolean;
  open(): Promise<void>;
  /** Folds what is still next once every session of it is there. Tells whether anything was new. */
  foldChunk(records: readonly StoredRecord[], isNext: () => boolean): Promise<boolean>;
  /** Whether a reading that ended like this can go on at once; false where it has to rest first. */
  recover(cause: unknown): Promise<boolean>;
}

interface PumpParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly shard: Shard;
}

/** How long a log is read on after the last record that only reading told. */
const lingerMs = 2_000;
/** How long a log, or what is published of it, is left alone where it cannot be had. */
const absentMs = 500;

export class LogPump {
  readonly #parts: PumpParts;
  readonly #target: PumpTarget;
  #retained = 0;
  #reading: AbortController | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #lingering: Timer | undefined;
  #isOver = false;

  constructor(parts: PumpParts, target: PumpTarget) {
    this.#parts = parts;
    this.#target = target;
  }

  get isRetained(): boolean {
    return this.#retained > 0;
  }

  /** Keeps the log being read; call the answer to let go. */
  retain(): () => void {
    this.#retained += 1;
    this.start();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#retained -= 1;
      this.stopIfIdle();
    };
  }

  start(): void {
    if (this.#reading !== undefined || this.#isOver) return;
    const reading = new AbortController();
    this.#reading = reading;
    void this.#run(reading.signal);
  }

  stopIfIdle(): void {
    const isNeeded = this.#retained > 0 || this.#target.hasWaiters();
    if (isNeeded || this.#lingering !== undefined) return;
    const { clock } = this.#parts;
    const restMs = this.#readAtMs + lingerMs - clock.monotonicMs();
    if (restMs <= 0) return this.stop();
    this.#lingering = clock.schedule(restMs, () => {
      this.#lingering = undefined;
      this.stopIfIdle();
    });
  }

  stop(): void {
    this.#reading?.abort();
    this.#reading = undefined;
  }

  /** For good. */
  end(): void {
    this.#isOver = true;
    this.#lingering?.cancel();
    this.#reading?.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#target.open();
        await this.#readOn(signal);
        continue;
      } catch (cause) {
        if (signal.aborted || (await this.#target.recover(cause))) continue;
      }
      await sleep(this.#parts.clock, absentMs, signal).catch(() => undefined);
    }
  }

  async #readOn(signal: AbortSignal): Promise<void> {
    const { log, shard, clock } = this.#parts;
    const target = this.#target;
    const { anchor } = target.fold;
    const reloads = target.reloads();
    const isNext = (): boolean => !signal.aborted && reloads === target.reloads();
    let isAnchored = anchor === undefined;
    const from = anchor?.offset ?? target.fold.position;
    const skipTo = (): bigint => (isAnchored ? target.fold.position : from);
    for await (const { records } of log.read(shard, { from, skipTo, signal })) {
      if (!isNext()) return;
      if (!isAnchored) {
        compareAnchor(anchor, records[0]);
        isAnchored = true;
      }
      const isNew = await target.foldChunk(records, isNext);
      if (isNew) this.#readAtMs = clock.monotonicMs();
      if (!isNext()) return;
      this.stopIfIdle();
      if (!isNext()) return;
    }
  }
}

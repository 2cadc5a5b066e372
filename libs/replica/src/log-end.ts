// What a replica asks of its log besides its records: where it begins and ends, and whether the anchor
// is still where it was.

import {
  type Clock,
  type EventLog,
  type Shard,
  type ShardBounds,
  timeLimit,
} from '@tidemark/ports';
import { limits, Problem } from '@tidemark/protocol';
import { type Anchor, compareAnchor } from './anchor.ts';
import type { ReadIndex } from './read-index.ts';
import { isMissing, logAdvice, ShardStopped } from './shard-stop.ts';

/**
 * How often in a row the log has to lack the anchor before it has lost it. A leader that does not know of its
 * fall tells an end that was passed, and a log that ends at the anchor makes its readers wait: neither is
 * told from a loss by one answer.
 */
const lacksMax = 3;

interface LogEndParts {
  readonly shard: Shard;
  readonly log: EventLog;
  readonly readIndex: ReadIndex;
  readonly clock: Clock;
}

export class LogEnd {
  readonly #parts: LogEndParts;
  readonly #signal: AbortSignal;
  #comparison: Promise<void> | undefined;

  constructor(parts: LogEndParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  /** At some moment after this call. A log that is gone is told as the Fault that says so. */
  async bounds(): Promise<ShardBounds> {
    try {
      return await this.#parts.readIndex.boundsOf(this.#parts.shard);
    } catch (cause) {
      if (isMissing(cause)) throw cause;
      throw new Problem('unavailable', 'the end of the log is not known', { cause });
    }
  }

  /**
   * Reads the anchor once more, for all who ask: a reading under way has passed it long ago. A log that
   * goes on lacking it is told to `onLost` as well: nobody may be waiting for so long.
   */
  async compare(anchor: Anchor | undefined, onLost: (lost: ShardStopped) => void): Promise<void> {
    if (anchor === undefined) return;
    this.#comparison ??= this.#compareUntilTold(anchor)
      .catch((cause: unknown) => {
        if (cause instanceof ShardStopped) onLost(cause);
        throw cause;
      })
      .finally(() => {
        this.#comparison = undefined;
      });
    // Whoever asked may have heard that it takes too long.
    this.#comparison.catch(() => undefined);
    await this.inTime(this.#comparison);
  }

  async #compareUntilTold(anchor: Anchor): Promise<void> {
    const { clock } = this.#parts;
    let lacks = 0;
    while (lacks < lacksMax) {
      using limit = timeLimit(clock, limits.appendDeadlineMs);
      const signal = AbortSignal.any([this.#signal, limit.signal]);
      try {
        return await this.#compareOnce(anchor, signal);
      } catch (cause) {
        if (!limit.signal.aborted || this.#signal.aborted) throw cause;
      }
      const { end } = await this.bounds();
      lacks = end > anchor.offset ? 0 : lacks + 1;
    }
    const message = `the log ends before the last record that was folded. anchor=${anchor.offset}`;
    throw new ShardStopped('log-lost', message, logAdvice);
  }

  async #compareOnce(anchor: Anchor, signal: AbortSignal): Promise<void> {
    const options = { from: anchor.offset, signal };
    for await (const { records } of this.#parts.log.read(this.#parts.shard, options)) {
      compareAnchor(anchor, records[0]);
      return;
    }
    throw new Problem('unavailable', 'the shard is closed');
  }

  /** A log that ends before what it is asked for makes its readers wait: not for ever. */
  inTime(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#parts.clock.schedule(limits.appendDeadlineMs, () => {
        reject(new Problem('unavailable', 'the log does not tell what it should hold'));
      });
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

// What a replica asks of its log besides its records: where it begins and ends, and whether the anchor
// is still where it was.

import type { Clock, EventLog, Shard, ShardBounds } from '@tidemark/ports';
import { limits, Problem } from '@tidemark/protocol';
import { type Anchor, compareAnchor } from './anchor.ts';
import type { ReadIndex } from './read-index.ts';
import { isMissing } from './shard-stop.ts';

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

  /** Reads the anchor once more, for all who ask: a reading under way has passed it long ago. */
  async compare(anchor: Anchor | undefined): Promise<void> {
    this.#comparison ??= this.#compareOnce(anchor).finally(() => {
      this.#comparison = undefined;
    });
    await this.inTime(this.#comparison);
  }

  async #compareOnce(anchor: Anchor | undefined): Promise<void> {
    if (anchor === undefined) return;
    const options = { from: anchor.offset, signal: this.#signal };
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

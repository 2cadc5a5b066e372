// What one `read` has fetched and not yet given out.
//
// (1) A chunk is taken only from the fetch that asked at exactly `position`.
// (2) Once it has ended, by its signal or a Fault, it takes nothing more.

import type { Fault, ReadChunk, ReadOptions, Shard } from '@tidemark/ports';
import { Queue } from '@tidemark/std';
import { defaultChunkBytes, unreadChunksMax } from './limits.ts';

/** What fetches for a reader. */
interface Fetching {
  remove(reader: ShardReader): void;
}

export class ShardReader {
  readonly shard: Shard;
  /** What the next fetch asks for. */
  position: bigint;
  bytesMax: number;
  /** Where it is fetched; nowhere while it is full or without a leader. */
  loop: Fetching | undefined;
  /** Nothing more was there when it was last fetched. */
  isCaughtUp = false;
  readonly #skipTo: (() => bigint) | undefined;
  readonly #chunks = new Queue<ReadChunk>();
  #fault: Fault | undefined;
  #isEnded = false;
  #wake: (() => void) | undefined;

  constructor(shard: Shard, options: ReadOptions) {
    this.shard = shard;
    this.position = options.from;
    this.bytesMax = options.chunkBytesMax ?? defaultChunkBytes;
    this.#skipTo = options.skipTo;
  }

  /** The first offset that the caller has not got by itself. */
  get wantedFrom(): bigint {
    const skipTo = this.#skipTo?.() ?? this.position;
    return skipTo > this.position ? skipTo : this.position;
  }

  get isFull(): boolean {
    return this.#chunks.size >= unreadChunksMax;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  take(chunk: ReadChunk): void {
    this.position = chunk.nextOffset;
    if (chunk.records.length === 0 && this.#skipTo !== undefined) return;
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  /** What was fetched before is still given out. */
  fail(fault: Fault): void {
    this.#fault ??= fault;
    this.end();
  }

  end(): void {
    this.#isEnded = true;
    this.loop?.remove(this);
    this.#wake?.();
  }

  /** The next chunk; undefined once it has ended. */
  async next(signal: AbortSignal): Promise<ReadChunk | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return chunk;
      if (this.#fault !== undefined) throw this.#fault;
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}

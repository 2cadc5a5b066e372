import type { Clock, EventLog, Metrics, Prng } from '@tidemark/ports';
import type { ShardReplica } from './shard-replica.ts';
import { ShardWriter } from './shard-writer.ts';
import { type WriterMetrics, writerMetrics } from './writer-metrics.ts';
import { type WriterSettings, writerDefaults } from './writer-settings.ts';

export interface WritersParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly metrics: Metrics;
}

/** One writer a shard, made when it is first needed. */
export class Writers {
  readonly #parts: WritersParts;
  readonly #settings: WriterSettings;
  readonly #metrics: WriterMetrics;
  readonly #writers = new Map<ShardReplica, ShardWriter>();

  constructor(parts: WritersParts, settings: Partial<WriterSettings> = {}) {
    this.#parts = parts;
    this.#settings = { ...writerDefaults, ...settings };
    this.#metrics = writerMetrics(parts.metrics);
  }

  of(replica: ShardReplica): ShardWriter {
    const known = this.#writers.get(replica);
    if (known !== undefined) return known;
    const parts = { ...this.#parts, metrics: this.#metrics };
    const writer = new ShardWriter(replica, parts, this.#settings);
    this.#writers.set(replica, writer);
    return writer;
  }

  get prng(): Prng {
    return this.#parts.prng;
  }

  newId(): string {
    return this.prng.hex(16);
  }

  close(): void {
    for (const writer of this.#writers.values()) writer.close();
  }
}

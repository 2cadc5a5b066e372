import { silentLogger, silentMetrics } from '@tidemark/ports';
import {
  SeededPrng,
  SimulatedClock,
  SimulatedEventLog,
  SimulatedObjectStore,
} from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { TableStore } from '@tidemark/tables';
import { Publisher, publisherDefaults } from '../publisher.ts';
import type { ShardReplica } from '../shard-replica.ts';
import { TablePublications } from '../table-publications.ts';
import { type SimulatedProcess, startProcess } from '../testing.ts';

export interface PublishingProcess extends SimulatedProcess {
  /** Of the one shard. */
  readonly replica: ShardReplica;
  readonly publisher: Publisher;
}

/** A log, a store, and processes over them that publish when they are told to. */
export class PublishedProcesses {
  readonly clock = new SimulatedClock();
  readonly #parts = { clock: this.clock, prng: new SeededPrng(1), instant: true };
  readonly #log = new SimulatedEventLog(this.#parts);
  readonly #store = new SimulatedObjectStore(this.#parts);

  async start(id: string, memoryBytesMax: number): Promise<PublishingProcess> {
    const { clock } = this;
    const prng = new SeededPrng(id.length);
    const store = this.#store.connect(id);
    const publications = new TablePublications(
      store,
      new TableStore(store, { cacheBytesMax: 1_000_000 }),
    );
    const log = this.#log.connect(id);
    const process = await startProcess({ log, clock, prng, publications, memoryBytesMax });
    const { replica } = process.shards.locate(process.tenant, 'any' as SessionName);
    const ports = { clock, prng, logger: silentLogger, metrics: silentMetrics };
    const publisher = new Publisher({ ...ports, publications }, process.shards, publisherDefaults);
    return { ...process, replica, publisher };
  }
}

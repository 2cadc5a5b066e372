// What is published of shards, in memory, under simulated time: loads that are late, that fail, and that
// answer from whatever was newest when they were asked. `publish` takes a replica's snapshot as a
// materializer does; several publications of a shard stay readable, as tables under a grace do.

import type { Clock, Shard, StoredRecord } from '@tidemark/ports';
import type { SeededPrng } from '@tidemark/ports/testing';
import { Problem } from '@tidemark/protocol';
import { present } from '@tidemark/std';
import { agendaOf } from '../agenda.ts';
import type { Extent, StoredRun } from '../event-run.ts';
import { packOffsets, unpackOffsets } from '../packed-offsets.ts';
import type {
  DueRange,
  FoldPoint,
  LogName,
  Publications,
  PublishedSessions,
} from '../published.ts';
import type { ShardReplica } from '../shard-replica.ts';
import { decodeSession, encodeSession } from '../stored-session.ts';

interface Entry {
  readonly bytes: Uint8Array;
  readonly dueAtMs: number;
}

export interface PublicationFaults {
  /** A load, or a look for the newest, is late by up to so much. */
  readonly delayMsMax: number;
  /** One in so many fails; 0 for none. */
  readonly failsOneIn: number;
}

/** Steady, unless a simulation makes it worse. */
export const noFaults: PublicationFaults = { delayMsMax: 0, failsOneIn: 0 };

export class SimulatedPublications implements Publications {
  faults: PublicationFaults = noFaults;
  readonly #clock: Clock;
  readonly #prng: SeededPrng;
  readonly #newest = new Map<Shard, SimulatedSessions>();
  /** Of each shard, the values of events that are in segments, by their offsets. */
  readonly #archives = new Map<Shard, Map<number, Uint8Array>>();
  readonly #extents = new Map<string, readonly Uint8Array[]>();

  constructor(parts: { readonly clock: Clock; readonly prng: SeededPrng }) {
    this.#clock = parts.clock;
    this.#prng = parts.prng;
  }

  async newest({ shard }: LogName): Promise<PublishedSessions | undefined> {
    await this.trouble();
    return this.#newest.get(shard);
  }

  /**
   * As much as the replica has folded now. Whoever is behind another publishes nothing. With the
   * records of the log, every event below is put into an extent, so that the log may be trimmed.
   */
  async publish(
    replica: ShardReplica,
    records?: readonly StoredRecord[],
  ): Promise<PublishedSessions | undefined> {
    const { fold, shard } = replica;
    const at = fold.point;
    const before = this.#newest.get(shard);
    // What a replica publishes builds on what it has pinned itself.
    if (before !== undefined && before !== fold.table.published) return undefined;
    if (at.anchor === undefined || at.position <= (before?.at.position ?? 0n)) return undefined;
    const entries = new Map(before?.entries);
    await this.#take(replica, entries);
    // Somebody else may have been quicker.
    if (this.#newest.get(shard) !== before) return undefined;
    if (records !== undefined) this.#archive(shard, records, at.position);
    this.#tier(replica, entries);
    const published = new SimulatedSessions(this, at, entries);
    this.#newest.set(shard, published);
    return published;
  }

  /** Over some time, while the fold goes on. */
  async #take({ fold }: ShardReplica, entries: Map<string, Entry>): Promise<void> {
    const snapshot = fold.table.snapshot();
    try {
      await this.trouble();
      for (const { session, encoded } of snapshot.entries()) {
        const stored = present(decodeSession(fold.absent(session.key), encoded), 'session');
        entries.set(session.key, {
          bytes: encoded,
          dueAtMs: agendaOf(stored.state) ?? Number.POSITIVE_INFINITY,
        });
      }
    } finally {
      snapshot.end();
    }
  }

  readonly readExtent = async ({ object }: Extent): Promise<readonly Uint8Array[]> => {
    await this.trouble();
    const bodies = this.#extents.get(object);
    if (bodies === undefined) throw new Problem('corrupt', 'no such extent');
    return bodies;
  };

  /** From now on the events below a publication are in a segment, whoever publishes next. */
  #archive(shard: Shard, records: readonly StoredRecord[], end: bigint): void {
    const values = this.#archives.get(shard) ?? new Map<number, Uint8Array>();
    this.#archives.set(shard, values);
    for (const { offset, value } of records) {
      if (offset < end) values.set(Number(offset), value);
    }
  }

  #tier({ fold, shard }: ShardReplica, entries: Map<string, Entry>): void {
    const values = this.#archives.get(shard);
    if (values === undefined) return;
    for (const [key, { bytes, dueAtMs: at }] of entries) {
      const { state, runs } = present(decodeSession(fold.absent(key), bytes), 'published session');
      const separator = state.stream?.isJson === true ? 1 : 0;
      const tiered = runs.flatMap((run) => this.#tieredRuns(run, values, separator));
      entries.set(key, { bytes: encodeSession(state, tiered), dueAtMs: at });
    }
  }

  /** What is in a segment of it, and what is not yet. */
  #tieredRuns(
    run: StoredRun,
    values: ReadonlyMap<number, Uint8Array>,
    separator: number,
  ): readonly StoredRun[] {
    if (run.place.kind === 'extent') return [run];
    const offsets = unpackOffsets(run.place.offsets);
    const bodies = offsets.flatMap((offset) => values.get(offset) ?? []);
    if (bodies.length === 0) return [run];
    const object = `extent-${this.#extents.size}`;
    this.#extents.set(object, bodies);
    const lengthBytes = bodies.reduce((bytes, { length }) => bytes + length + separator, 0);
    const extent = { object, firstByte: 0, endByte: lengthBytes };
    const tiered = { ...run, count: bodies.length, lengthBytes } as const;
    const rest = offsets.slice(bodies.length);
    const cold: StoredRun = { ...tiered, place: { kind: 'extent', extent } };
    if (rest.length === 0) return [cold];
    const hot = { count: rest.length, lengthBytes: run.lengthBytes - lengthBytes };
    return [cold, { ...run, ...hot, place: { kind: 'log', offsets: packOffsets(rest) } }];
  }

  /** Late, or failing, as the faults have it. */
  async trouble(): Promise<void> {
    const { delayMsMax, failsOneIn } = this.faults;
    if (delayMsMax > 0 && this.#prng.chance(0.5)) {
      const delayMs = this.#prng.below(delayMsMax);
      await new Promise<void>((resolve) => this.#clock.schedule(delayMs, resolve));
    }
    if (failsOneIn > 0 && this.#prng.below(failsOneIn) === 0) {
      throw new Problem('unavailable', 'what is published cannot be had');
    }
  }
}

class SimulatedSessions implements PublishedSessions {
  readonly at: FoldPoint;
  readonly entries: ReadonlyMap<string, Entry>;
  readonly #store: SimulatedPublications;

  constructor(store: SimulatedPublications, at: FoldPoint, entries: ReadonlyMap<string, Entry>) {
    this.#store = store;
    this.at = at;
    this.entries = entries;
  }

  async load(keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    await this.#store.trouble();
    const found = keys.map((key) => [key, this.entries.get(key)?.bytes] as const);
    return new Map(found.filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined));
  }

  async *scan({
    prefix,
  }: {
    readonly prefix: string;
  }): AsyncGenerator<readonly [string, Uint8Array]> {
    await this.#store.trouble();
    for (const [key, { bytes }] of this.entries) if (key.startsWith(prefix)) yield [key, bytes];
  }

  async *due({ fromMs, toMs }: DueRange): AsyncGenerator<string> {
    await this.#store.trouble();
    for (const [key, { dueAtMs: at }] of this.entries) if (at >= fromMs && at <= toMs) yield key;
  }
}

// What is published of shards, in memory, under simulated time: loads that are late, that fail, and that
// answer from whatever was newest when they were asked. `publish` takes a replica's snapshot as a
// materializer does; several publications of a shard stay readable, as tables under a grace do.

import type { Clock, Shard } from '@tidemark/ports';
import type { SeededPrng } from '@tidemark/ports/testing';
import { Problem } from '@tidemark/protocol';
import { bytesOf, present } from '@tidemark/std';
import { agendaOf } from '../agenda.ts';
import {
  type CatalogPlace,
  type CatalogRange,
  entryOf,
  placeOfRow,
  rowRange,
  rowsOf,
} from '../catalog.ts';
import type {
  DueRange,
  FoldPoint,
  LogName,
  Publications,
  PublishedSessions,
} from '../published.ts';
import type { ShardReplica } from '../shard-replica.ts';
import { decodeSession } from '../stored-session.ts';
import { type UsageRange, type UsageRow, usageBounds, usageRowsOf } from '../usage-rows.ts';

interface Entry {
  readonly bytes: Uint8Array;
  readonly dueAtMs: number;
  readonly rows: readonly string[];
  readonly usage: readonly UsageRow[];
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

  constructor(parts: { readonly clock: Clock; readonly prng: SeededPrng }) {
    this.#clock = parts.clock;
    this.#prng = parts.prng;
  }

  async newest({ shard }: LogName): Promise<PublishedSessions | undefined> {
    await this.trouble();
    return this.#newest.get(shard);
  }

  /** As much as the replica has folded now. Whoever is behind another publishes nothing. */
  async publish(replica: ShardReplica): Promise<PublishedSessions | undefined> {
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
          rows: rowsOf(entryOf(stored.state)),
          usage: usageRowsOf(stored.state, stored.state, session.key),
        });
      }
    } finally {
      snapshot.end();
    }
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

  async *catalog(range: CatalogRange): AsyncGenerator<CatalogPlace> {
    await this.#store.trouble();
    const { prefix, after } = rowRange(range);
    const sign = range.order === 'asc' ? 1 : -1;
    const rows = [...this.entries.values()].flatMap(({ rows: own }) => own);
    const order = (one: string, other: string): number =>
      sign * Buffer.compare(bytesOf(one), bytesOf(other));
    for (const row of rows.sort(order)) {
      if (!row.startsWith(prefix)) continue;
      if (after === undefined || order(row, after) > 0) yield placeOfRow(row, prefix);
    }
  }

  async *usage(range: UsageRange): AsyncGenerator<UsageRow> {
    await this.#store.trouble();
    const { from, before } = usageBounds(range);
    const rows = [...this.entries.values()].flatMap(({ usage }) => usage);
    const order = (one: UsageRow, other: UsageRow): number => (one.row < other.row ? -1 : 1);
    for (const each of rows.sort(order)) if (each.row >= from && each.row < before) yield each;
  }

  async *due({ fromMs, toMs }: DueRange): AsyncGenerator<string> {
    await this.#store.trouble();
    for (const [key, { dueAtMs: at }] of this.entries) if (at >= fromMs && at <= toMs) yield key;
  }
}

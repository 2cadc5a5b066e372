// Publishes what a replica has folded and nobody can look up yet: a run of tables with the sessions that
// have changed, then a manifest that names it.
//
// (1) Objects are written and verified before a manifest names them; a manifest is replaced only by
//     compare-and-swap, on the one that the replica has pinned itself.
// (2) A swap whose outcome is unknown is told by the nonce: the manifest that is there says whose it is.
// (3) Who loses drops what it wrote and goes on from the winner's.
// (4) One process replaces a log's manifest in turns. Tables are merged beside them: what is published
//     meanwhile lies before the runs that are merged, which the merged one then stands for.
// (5) A table that no manifest names any more is deleted only after a grace, so that whoever still reads
//     by an older manifest can.
//
// due -> taken       #publish    (a snapshot: the fold goes on)
// taken -> written   writeRun
// written -> pinned  #commit     (the swap stood; the replica looks up there from now on)
// written -> due     #commit     (lost, or it could not be told; the objects are left to the sweep)

import type { Clock, Counter, Logger, Metrics, Prng, Timer } from '@tidemark/ports';
import { isFault, sleep } from '@tidemark/ports';
import { isProblem } from '@tidemark/protocol';
import { createTasks, type Tasks } from '@tidemark/std';
import { type Entry, planCompaction, scan, type TableRun, writeRun } from '@tidemark/tables';
import type { PublicationIndexer } from './publication-index.ts';
import {
  encodeManifest,
  type Manifest,
  manifestKey,
  serialOf,
  tableKey,
  tablePrefix,
} from './publication-manifest.ts';
import { changeOf, entriesOf, type Planned, planOf } from './publication-plan.ts';
import type { PublishedIndex } from './published.ts';
import type { ShardReplica } from './shard-replica.ts';
import type { Shards } from './shards.ts';
import type { ReadManifest, TablePublications } from './table-publications.ts';
import { controlShard } from './tenants.ts';

export interface PublisherParts {
  readonly publications: TablePublications;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Indexes events, for whoever looks for them. */
  readonly indexer?: PublicationIndexer;
}

export interface PublisherSettings {
  /** What changed is published after so long at the latest. */
  readonly everyMs: number;
  /** So many changed sessions are published at once. */
  readonly dirtyCountMax: number;
  /** How long a table stays behind the last manifest that named it. */
  readonly graceMs: number;
}

export const publisherDefaults: PublisherSettings = {
  everyMs: 60_000,
  dirtyCountMax: 20_000,
  graceMs: 600_000,
};

const lookMs = 100;
/** Where publishing fails, it is left alone for a while. */
const againMs = 5_000;

export class Publisher implements AsyncDisposable {
  readonly #parts: PublisherParts;
  readonly #shards: Shards;
  readonly #settings: PublisherSettings;
  readonly #tasks: Tasks;
  readonly #busy = new Set<ShardReplica>();
  /** Merges that are under way, and the tables that they have written. */
  readonly #merging = new Map<ShardReplica, Set<string>>();
  readonly #turns = new WeakMap<ShardReplica, Promise<unknown>>();
  readonly #publishedAtMs = new Map<ShardReplica, number>();
  /** Tables that no manifest names, and since when this process knows. */
  readonly #unnamedSinceMs = new Map<string, number>();
  readonly #published: Counter;
  readonly #bytes: Counter;
  #timer: Timer | undefined;

  constructor(
    parts: PublisherParts,
    shards: Shards,
    settings: PublisherSettings = publisherDefaults,
  ) {
    this.#parts = parts;
    this.#shards = shards;
    this.#settings = settings;
    this.#tasks = createTasks((task, cause) => {
      parts.logger.error({ task, err: cause }, 'task crashed');
    });
    const counter = (name: string, help: string): Counter =>
      parts.metrics.counter({ name: `tidemark_publisher_${name}_total`, help });
    this.#published = counter('publications', 'manifests of sessions that were published');
    this.#bytes = counter('table_bytes', 'bytes of tables that were written');
    const observe = (name: string, help: string, read: () => number): void =>
      parts.metrics.observedGauge({ name: `tidemark_publisher_${name}`, help }, read);
    observe('waiting_sessions', 'sessions that are not published as they are', () =>
      this.#waiting().reduce((sum, { fold }) => sum + fold.table.dirtyCount, 0),
    );
    observe('waiting_seconds', 'since the shard that waits longest was published', () => {
      const nowMs = parts.clock.monotonicMs();
      const ages = this.#waiting().map(
        (replica) => nowMs - (this.#publishedAtMs.get(replica) ?? nowMs),
      );
      return Math.max(0, ...ages) / 1_000;
    });
  }

  start(): void {
    this.#timer = this.#parts.clock.schedule(lookMs, () => {
      this.#look();
      this.start();
    });
  }

  /** All that has changed, now: a process that starts next has less to fold. */
  async publishAll(): Promise<void> {
    for (const replica of this.#shards.opened) {
      if (isWorthIt(replica)) await this.#publish(replica);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await this.#tasks[Symbol.asyncDispose]();
  }

  #waiting(): readonly ShardReplica[] {
    return [...this.#shards.opened].filter(isWorthIt);
  }

  #look(): void {
    for (const replica of this.#shards.opened) {
      if (this.#busy.has(replica) || !isWorthIt(replica) || !this.#isDue(replica)) continue;
      this.#busy.add(replica);
      this.#tasks.spawn('publish', async () => {
        try {
          await this.#trying(replica, () => this.#publish(replica));
        } finally {
          this.#busy.delete(replica);
        }
        await this.#trying(replica, () => this.#merge(replica));
      });
    }
  }

  async #trying({ shard }: ShardReplica, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (!isPassing(cause)) throw cause;
      const { clock, logger } = this.#parts;
      logger.warn({ err: cause, shard }, 'cannot publish yet');
      await sleep(clock, againMs, this.#tasks.signal).catch(() => undefined);
    }
  }

  #isDue(replica: ShardReplica): boolean {
    const { budget } = this.#shards;
    const { dirtyCount } = replica.fold.table;
    const atMs = this.#publishedAtMs.get(replica);
    const nowMs = this.#parts.clock.monotonicMs();
    if (atMs === undefined) this.#publishedAtMs.set(replica, nowMs);
    const isFull = budget.busyBytes > budget.bytesMax / 4 && dirtyCount > 200;
    const isOld = atMs !== undefined && nowMs - atMs >= this.#settings.everyMs;
    return dirtyCount >= this.#settings.dirtyCountMax || isFull || isOld;
  }

  /** Rejects with a Problem, or a Fault, where it could not; the objects are then left to the sweep. */
  async publish(replica: ShardReplica): Promise<void> {
    await this.#publish(replica);
    await this.#merge(replica);
  }

  /** Invariant 4. */
  #inTurn(replica: ShardReplica, work: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(replica) ?? Promise.resolve()).then(work);
    this.#turns.set(
      replica,
      turn.catch(() => undefined),
    );
    return turn;
  }

  #publish(replica: ShardReplica): Promise<void> {
    return this.#inTurn(replica, async () => {
      await this.#publishChanged(replica);
      await this.#sweep(replica);
    });
  }

  async #publishChanged(replica: ShardReplica): Promise<void> {
    const { publications, clock } = this.#parts;
    const { fold } = replica;
    const before = await this.#read(replica);
    if (
      before !== undefined &&
      before.manifest.at.position > (fold.table.published?.at.position ?? 0n)
    ) {
      await replica.moveTo(publications.published(before.manifest));
    }
    if (!isWorthIt(replica)) return;
    const { point: at } = fold;
    const snapshot = fold.table.snapshot();
    try {
      const planned = snapshot.sessions.map((session) => planOf(session));
      const serial = before?.manifest.serial ?? 0;
      const run = await this.#write(entriesOf(planned, snapshot), () =>
        this.#newTable(replica, serial),
      );
      const runs = [run, ...(before?.manifest.runs ?? [])];
      const index = await this.#index(replica, planned, before?.manifest);
      const manifest = { serial: serial + 1, nonce: this.#parts.prng.hex(16), at, runs, index };
      if (!(await this.#commit(replica, manifest, before?.etag))) return;
      for (const { session, dueMs, entry, usage } of planned) {
        session.publishedDueMs = dueMs;
        session.publishedEntry = entry;
        session.publishedUsage = usage;
      }
      this.#publishedAtMs.set(replica, clock.monotonicMs());
      this.#published.add(1);
    } finally {
      snapshot.end();
    }
  }

  #index(
    replica: ShardReplica,
    planned: readonly Planned[],
    before: Manifest | undefined,
  ): Promise<PublishedIndex | undefined> {
    const { indexer } = this.#parts;
    if (indexer === undefined) return Promise.resolve(before?.index);
    const serial = before?.serial ?? 0;
    return indexer.index(replica, changeOf(planned), {
      before: before?.index,
      nameOf: () => this.#newTable(replica, serial),
      signal: this.#tasks.signal,
    });
  }

  async #write(
    entries: AsyncIterable<Entry> | Iterable<Entry>,
    nameOf: () => string,
  ): Promise<TableRun> {
    const { publications, clock } = this.#parts;
    const rest = (): Promise<void> => sleep(clock, 0);
    const { signal } = this.#tasks;
    const run = await writeRun(publications.store, entries, { nameOf, rest, signal });
    for (const { bytes } of run) this.#bytes.add(bytes);
    return run;
  }

  #newTable({ logName }: ShardReplica, serial: number): string {
    return tableKey(logName, serial, this.#parts.prng.hex(8));
  }

  #read({ logName }: ShardReplica): Promise<ReadManifest | undefined> {
    return this.#parts.publications.read(logName, this.#tasks.signal);
  }

  /** Whether the manifest stands. Where it does, the replica looks up there. */
  async #commit(
    replica: ShardReplica,
    manifest: Manifest,
    expected: string | undefined,
  ): Promise<boolean> {
    const { publications } = this.#parts;
    const { store } = publications;
    const key = manifestKey(replica.logName);
    const body = encodeManifest(manifest);
    try {
      const outcome =
        expected === undefined
          ? await store.putIfAbsent(key, body, this.#tasks.signal)
          : await store.compareAndSwap(key, { expected, body }, this.#tasks.signal);
      if (outcome.kind === 'stored') {
        await replica.moveTo(publications.published(manifest));
        return true;
      }
    } catch (cause) {
      if (!isFault(cause) || cause.effect === 'none') throw cause;
    }
    const now = await this.#read(replica);
    if (now === undefined) return false;
    await replica.moveTo(publications.published(now.manifest));
    return now.manifest.nonce === manifest.nonce;
  }

  /** Makes one run of many, while others are published. One merge of a log at a time. */
  async #merge(replica: ShardReplica): Promise<void> {
    const { publications, clock } = this.#parts;
    if (this.#merging.has(replica)) return;
    const read = await this.#read(replica);
    const count = read === undefined ? 0 : planCompaction(read.manifest.runs);
    if (read === undefined || count === 0 || this.#merging.has(replica)) return;
    const names = new Set<string>();
    this.#merging.set(replica, names);
    const startMs = clock.monotonicMs();
    const { runs, serial } = read.manifest;
    const merged = runs.slice(0, count);
    const keepsGone = count < runs.length;
    const entries = scan(
      publications.tables,
      { runs: merged, from: new Uint8Array(0), isOnce: true, keepsGone },
      this.#tasks.signal,
    );
    try {
      const run = await this.#write(entries, () => {
        const name = this.#newTable(replica, serial);
        names.add(name);
        return name;
      });
      const isLate = clock.monotonicMs() - startMs > this.#settings.graceMs / 2;
      // Another process may have found its first tables without a name for too long.
      if (!isLate) await this.#inTurn(replica, () => this.#replace(replica, merged, run));
    } finally {
      this.#merging.delete(replica);
    }
  }

  /** Invariant 4: the run stands for those that it was made of, wherever they are now. */
  async #replace(replica: ShardReplica, merged: readonly TableRun[], run: TableRun): Promise<void> {
    const { prng } = this.#parts;
    const read = await this.#read(replica);
    if (read === undefined) return;
    const { runs, serial, at, index } = read.manifest;
    const from = runs.findIndex((known) => isSameRun(known, merged[0]));
    const isThere = from !== -1 && merged.every((one, index) => isSameRun(one, runs[from + index]));
    if (!isThere) return;
    const rest = runs.slice(from + merged.length);
    const manifest = {
      serial: serial + 1,
      nonce: prng.hex(16),
      at,
      runs: [...runs.slice(0, from), run, ...rest],
      index,
    };
    await this.#commit(replica, manifest, read.etag);
  }

  /** Deletes what no manifest has named for longer than anybody reads by an older one. */
  async #sweep(replica: ShardReplica): Promise<void> {
    const { publications, clock } = this.#parts;
    const { logName } = replica;
    const read = await this.#read(replica);
    if (read === undefined) return;
    const { runs, serial, index } = read.manifest;
    const named = new Set(runs.flatMap((run) => run.map(({ name }) => name)));
    for (const name of index?.objects ?? []) named.add(name);
    const nowMs = clock.monotonicMs();
    const old: string[] = [];
    for await (const { key } of publications.store.list(tablePrefix(logName), this.#tasks.signal)) {
      const isKept = named.has(key) || this.#merging.get(replica)?.has(key) === true;
      if (isKept || serialOf(logName, key) >= serial) continue;
      const sinceMs = this.#unnamedSinceMs.get(key) ?? nowMs;
      this.#unnamedSinceMs.set(key, sinceMs);
      if (nowMs - sinceMs >= this.#settings.graceMs) old.push(key);
    }
    if (old.length > 0) await publications.store.deleteMany(old, this.#tasks.signal);
    for (const key of old) this.#unnamedSinceMs.delete(key);
  }
}

/** The control log is small, and folded whole by everybody. */
const isWorthIt = ({ shard, isServing, fold }: ShardReplica): boolean =>
  shard !== controlShard && isServing && fold.anchor !== undefined && fold.table.dirtyCount > 0;

const isPassing = (cause: unknown): boolean => isProblem(cause) || isFault(cause);

const isSameRun = (one: TableRun, other: TableRun | undefined): boolean =>
  one.length === other?.length && one.every(({ name }, index) => name === other[index]?.name);

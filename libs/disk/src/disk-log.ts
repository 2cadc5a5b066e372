// The embedded log: one write-ahead log for all shards, as an EventLog.

import {
  type AppendOutcome,
  abortedFault,
  type BatchSource,
  batchBytesMax,
  type Clock,
  type EventLog,
  Fault,
  type Files,
  type Folder,
  type Logger,
  type Metrics,
  type ReadChunk,
  type ReadOptions,
  type Shard,
  type ShardBounds,
  type TopicSpec,
  throwIfAborted,
} from '@tidemark/ports';
import { assert } from '@tidemark/std';
import { GroupCommit, refused } from './group-commit.ts';
import { createInstruments } from './instruments.ts';
import { LogCleaner } from './log-cleaner.ts';
import { FloorKeeper, floorName, LogFloor } from './log-floor.ts';
import type { NewEntry } from './log-format.ts';
import { readChunk } from './log-reader.ts';
import { LogState, type ShardState } from './log-state.ts';
import { LogWriter } from './log-writer.ts';
import { recover } from './recover.ts';

export interface DiskLogSettings {
  readonly directory: string;
  readonly fileBytes?: number;
  readonly recentBytes?: number;
  readonly groupBytesMax?: number;
  readonly batchBytesMax?: number;
  readonly idleMarkMs?: number;
}

export interface DiskLogComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly files: Files;
}

export interface DiskLog extends EventLog {
  /** Why nothing is written any more; undefined while all is well. An alarm. */
  readonly stoppedBy: string | undefined;
}

const mebibyte = 1_024 * 1_024;

const defaults = {
  fileBytes: 64 * mebibyte,
  recentBytes: 8 * mebibyte,
  /** A group closes once it is this large. */
  groupBytesMax: 4 * mebibyte,
  batchBytesMax,
  /** How long after the last group a mark vouches for it. */
  idleMarkMs: 100,
};

/** Opens the log of a directory, which no other process may hold. */
export async function openDiskLog(
  components: DiskLogComponents,
  settings: DiskLogSettings,
): Promise<DiskLog> {
  const { files, logger } = components;
  const options = { ...defaults, ...settings };
  const folder = await files.openFolder(settings.directory);
  try {
    const state = new LogState();
    const floor = await LogFloor.open(folder);
    const recovered = await recover(folder, state, { logger, floor: floor.found });
    if (floor.isNew && recovered.files.length > 0) {
      logger.warn({ floor: floorName }, 'the floor of the log is missing: a cut would not be seen');
    }
    const { fileBytes, recentBytes } = options;
    const writer = new LogWriter({ folder, state, logger, fileBytes, recentBytes, recovered });
    const keeper = new FloorKeeper({ ...components, floor, place: () => writer.place });
    const instruments = createInstruments(components.metrics, {
      files: () => writer.files,
      isStopped: (): boolean => commit.stoppedBy !== undefined,
    });
    const commit = new GroupCommit(
      { ...components, instruments },
      { settings: options, state, writer, keeper },
    );
    const cleaner = new LogCleaner({ state, writer, commit, instruments, fileBytes });
    // The first write of this holder: its tenure is its own, and the disk takes writes.
    await commit.mark();
    await keeper.now();
    return new EmbeddedLog({ logger, folder, state, writer, commit, keeper, cleaner });
  } catch (cause) {
    await folder[Symbol.asyncDispose]();
    throw cause;
  }
}

class EmbeddedLog implements DiskLog {
  readonly #logger: Logger;
  readonly #folder: Folder;
  readonly #state: LogState;
  readonly #writer: LogWriter;
  readonly #commit: GroupCommit;
  readonly #keeper: FloorKeeper;
  readonly #cleaner: LogCleaner;
  readonly #closing = new AbortController();
  readonly #topicWaiters = new Set<() => void>();
  #cleaning: Promise<void> = Promise.resolve();
  #isToClean = false;

  constructor(parts: {
    readonly logger: Logger;
    readonly folder: Folder;
    readonly state: LogState;
    readonly writer: LogWriter;
    readonly commit: GroupCommit;
    readonly keeper: FloorKeeper;
    readonly cleaner: LogCleaner;
  }) {
    this.#logger = parts.logger;
    this.#folder = parts.folder;
    this.#state = parts.state;
    this.#writer = parts.writer;
    this.#commit = parts.commit;
    this.#keeper = parts.keeper;
    this.#cleaner = parts.cleaner;
  }

  get stoppedBy(): string | undefined {
    return this.#commit.stoppedBy;
  }

  append(
    batches: ReadonlyMap<Shard, BatchSource>,
  ): ReadonlyMap<Shard, Promise<AppendOutcome | undefined>> {
    const outcomes = new Map<Shard, Promise<AppendOutcome | undefined>>();
    for (const [name, source] of batches) outcomes.set(name, this.#appendOne(name, source));
    return outcomes;
  }

  async *read(name: Shard, options: ReadOptions): AsyncIterable<ReadChunk> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const shard = this.#shard(name);
    const bytesMax = options.chunkBytesMax ?? mebibyte;
    let next = Number(options.from);
    const wanted = (): number =>
      Math.max(next, Math.min(Number(options.skipTo?.() ?? 0), shard.end));
    const hasMore = (): boolean => wanted() < shard.end;
    while (!signal.aborted) {
      next = wanted();
      checkRange(shard, next);
      if (next === shard.end) {
        await changed(shard.waiters, signal, hasMore);
        continue;
      }
      const place = { shard, from: next, bytesMax, salt: this.#writer.salt };
      const chunk = await readChunk(this.#writer, place);
      if (signal.aborted) return;
      // A trim that came between may have taken the file from under the read.
      if (chunk === undefined) continue;
      next = Number(chunk.nextOffset);
      yield chunk;
    }
  }

  async bounds(
    shards: readonly Shard[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Shard, ShardBounds | Error>> {
    throwIfAborted(signal);
    const boundsOf = (name: Shard): ShardBounds | Error => {
      const shard = this.#state.shards.get(name);
      if (shard === undefined) return missing(name);
      return { start: BigInt(shard.start), end: BigInt(shard.end) };
    };
    return new Map(shards.map((name) => [name, boundsOf(name)]));
  }

  async trim(name: Shard, to: bigint, signal?: AbortSignal): Promise<void> {
    const shard = this.#shard(name);
    const { topic, partition } = shard;
    const start = Number(to);
    await this.#control(signal, () => {
      if (start > shard.end) {
        throw new Fault('above-end', `trim above the end. shard=${name}`, { effect: 'none' });
      }
      return start > shard.start ? [{ kind: 'start', topic, partition, start }] : [];
    });
    await this.#clean();
  }

  async ensureTopic(
    spec: TopicSpec,
    signal?: AbortSignal,
  ): Promise<{ readonly partitions: number }> {
    const { name, partitions } = spec;
    await this.#control(signal, () => {
      if (this.#state.topics.has(name)) return [];
      return [{ kind: 'topic', topic: this.#state.nextTopic, partitions, name }];
    });
    wakeAll(this.#topicWaiters);
    return { partitions: this.#state.topics.get(name)?.shards.length ?? 0 };
  }

  /** The files keep what they are given: there is nothing to set. */
  async checkTopic({ name }: TopicSpec, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    if (!this.#state.topics.has(name)) throw missing(name);
  }

  async growTopic(name: string, partitions: number, signal?: AbortSignal): Promise<void> {
    await this.#control(signal, () => {
      const topic = this.#state.topics.get(name);
      if (topic === undefined) throw missing(name);
      assert(partitions >= topic.shards.length, 'a topic only grows');
      if (partitions === topic.shards.length) return [];
      return [{ kind: 'topic', topic: topic.number, partitions, name }];
    });
    wakeAll(this.#topicWaiters);
  }

  async topics(
    signal?: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly partitions: number }[]> {
    throwIfAborted(signal);
    return [...this.#state.topics.values()].map(({ name, shards }) => {
      return { name, partitions: shards.length };
    });
  }

  /** One process holds the log: it works on everything. */
  async *assign(
    _group: string,
    options: { readonly topics: readonly string[]; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Shard[]> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    let yielded = -1;
    while (!signal.aborted) {
      const shards = options.topics.flatMap((topic) => {
        return (this.#state.topics.get(topic)?.shards ?? []).map((shard) => shard.name);
      });
      if (shards.length === yielded) {
        await changed(this.#topicWaiters, signal);
      } else {
        yielded = shards.length;
        yield shards;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#cleaning;
    await this.#commit.close();
    if (this.stoppedBy === undefined) await this.#keeper.now();
    await this.#keeper.close();
    await this.#writer.close();
    await this.#folder[Symbol.asyncDispose]();
  }

  #shard(name: Shard): ShardState {
    const shard = this.#state.shards.get(name);
    if (shard === undefined) throw missing(name);
    return shard;
  }

  #appendOne(name: Shard, source: BatchSource): Promise<AppendOutcome | undefined> {
    const shard = this.#state.shards.get(name);
    if (shard === undefined) return Promise.resolve(refused('missing', true));
    return this.#commit.append(shard, source);
  }

  #control(signal: AbortSignal | undefined, form: () => readonly NewEntry[]): Promise<void> {
    throwIfAborted(signal);
    if (this.#closing.signal.aborted) throw abortedFault(this.#closing.signal);
    return this.#commit.control(() => {
      throwIfAborted(signal);
      return form();
    });
  }

  /** One round at a time, and one more for whoever trimmed meanwhile. */
  #clean(): Promise<void> {
    if (this.#isToClean) return this.#cleaning;
    this.#isToClean = true;
    const clean = (): Promise<void> => {
      this.#isToClean = false;
      return this.#cleaner.clean(this.#closing.signal);
    };
    this.#cleaning = this.#cleaning.then(clean).catch((cause: unknown) => {
      this.#logger.warn({ cause }, 'could not free a file of the log; the next trim tries again');
    });
    return this.#cleaning;
  }
}

/** Until the next change that matters, or the signal. */
function changed(
  waiters: Set<() => void>,
  signal: AbortSignal,
  matters: () => boolean = () => true,
): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      if (!signal.aborted && !matters()) return;
      waiters.delete(wake);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    waiters.add(wake);
    signal.addEventListener('abort', wake, { once: true });
  });
}

function wakeAll(waiters: Set<() => void>): void {
  for (const wake of waiters) wake();
}

function checkRange(shard: ShardState, from: number): void {
  const bounds = `shard=${shard.name} from=${from} start=${shard.start} end=${shard.end}`;
  if (from < shard.start) throw new Fault('below-start', `trimmed. ${bounds}`, { effect: 'none' });
  if (from > shard.end) throw new Fault('above-end', `not there. ${bounds}`, { effect: 'none' });
}

const missing = (name: string): Fault =>
  new Fault('missing', `no such topic or shard. name=${name}`, { effect: 'none' });

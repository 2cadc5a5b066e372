// All that one process has folded: the control log with the directory of tenants, and the shards
// that somebody here has asked for.

import {
  type Clock,
  type EventLog,
  type Fault,
  type Logger,
  type Metrics,
  type Shard,
  type Timer,
  topicOf,
} from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import { controlTenant, knownFoldLevel } from '@tidemark/session';
import { createTasks, type Tasks } from '@tidemark/std';
import { Budget } from './budget.ts';
import { type EventArchive, noArchive } from './event-archive.ts';
import type { FoldedSession } from './folded-session.ts';
import { moveToNewest } from './move-to-newest.ts';
import { type Publications, unpublished } from './published.ts';
import { ReadIndex } from './read-index.ts';
import { type HeldSession, SessionReader } from './session-reader.ts';
import { ShardReplica } from './shard-replica.ts';
import { levelAdvice, type ShardStopped } from './shard-stop.ts';
import {
  controlShard,
  controlTopic,
  placeOf,
  spaceOf,
  type Tenant,
  TenantDirectory,
} from './tenants.ts';
import { TopicChecks } from './topic-checks.ts';

export interface ShardsParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where replicas begin, and look up what they do not have in memory. */
  readonly publications?: Publications;
  /** Where events are that the log has let go. */
  readonly archive?: EventArchive;
}

export interface ShardsSettings {
  /** For sessions and their bodies together. */
  readonly memoryBytesMax: number;
  /** A shard that nobody has needed for so long is let go of, where it can be looked up. */
  readonly idleMs?: number;
  /** This process publishes: who would write beyond its memory waits until it has. */
  readonly isPublishing?: boolean;
  /** The fold level that this binary understands; lower only where an older one is rehearsed. */
  readonly knownLevel?: number;
}

const idleMsDefault = 600_000;
/** How often a process that does not publish looks whether somebody has. */
const followMs = 10_000;

/** A session and the replica that folds it. */
export interface Located {
  readonly tenant: Tenant;
  readonly name: string;
  readonly key: string;
  readonly replica: ShardReplica;
}

export class Shards implements AsyncDisposable {
  readonly parts: ShardsParts;
  readonly reader: SessionReader;
  readonly directory = new TenantDirectory();
  readonly control: ShardReplica;
  readonly budget: Budget;
  readonly #readIndex: ReadIndex;
  readonly #settings: ShardsSettings;
  readonly #replicas = new Map<Shard, ShardReplica>();
  readonly #stopped = new Map<Shard, ShardStopped>();
  readonly #openers = new Set<(replica: ShardReplica) => void>();
  readonly #tasks: Tasks;
  readonly #checks: TopicChecks;
  /** Topics that keep less than was promised, and why. */
  readonly #unsafe = new Map<string, Fault>();
  readonly #directoryWatchers = new Set<() => void>();
  #idling: Timer | undefined;
  #following: Timer | undefined;

  constructor(parts: ShardsParts, settings: ShardsSettings) {
    this.parts = parts;
    this.#settings = settings;
    this.budget = new Budget(settings.memoryBytesMax);
    this.#readIndex = new ReadIndex(parts.log);
    const { log, clock, archive = noArchive } = parts;
    const source = (fork: FoldedSession): Promise<HeldSession> => this.#sourceOf(fork);
    this.reader = new SessionReader({ log, clock, archive }, this.budget, source);
    this.#tasks = createTasks((task, cause) => {
      parts.logger.error({ task, err: cause }, 'task crashed');
    });
    this.#checks = new TopicChecks(parts, (name, fault) => this.#refuseTopic(name, fault));
    this.control = this.#add(controlShard, unpublished, {
      space: { kind: 'own', tenant: controlTenant },
      logEpoch: undefined,
    });
    // From the first record on: somebody may ask for the directory before this has been started.
    this.control.feed.listen({ step: (changed) => this.#takeDirectory(changed) });
    parts.metrics.observedGauge(
      { name: 'tidemark_replica_body_bytes', help: 'event bodies kept in memory' },
      () => this.budget.bodyBytes,
    );
    parts.metrics.observedGauge(
      { name: 'tidemark_replica_session_bytes', help: 'sessions kept in memory, bodies apart' },
      () => this.budget.sessionBytes,
    );
    parts.metrics.observedGauge(
      { name: 'tidemark_replica_stopped_shards', help: 'shards that wait for an operator' },
      () => this.#stopped.size,
    );
  }

  #closeIdle(): void {
    const { idleMs = idleMsDefault } = this.#settings;
    const { clock } = this.parts;
    this.#idling = clock.schedule(idleMs / 2, () => {
      const sinceMs = clock.monotonicMs() - idleMs;
      for (const replica of this.#replicas.values()) replica.closeIfIdle(sinceMs);
      this.#closeIdle();
    });
  }

  /** What others publish need not stay in memory here. */
  #followPublications(publications: Publications): void {
    this.#following = this.parts.clock.schedule(followMs, () => {
      this.spawn('follow publications', async (signal) => {
        for (const replica of this.#replicas.values()) {
          if (replica !== this.control) await moveToNewest(replica, publications, signal);
        }
        this.#followPublications(publications);
      });
    });
  }

  /** Folds the control log as it is now, and follows it from here on. */
  async start(signal?: AbortSignal): Promise<void> {
    const spec = { name: controlTopic, partitions: 1, durability: 'replicated' } as const;
    await this.parts.log.ensureTopic(spec, signal);
    if (this.#idling === undefined) {
      this.#closeIdle();
      const { publications } = this.parts;
      if (publications !== undefined && this.#settings.isPublishing !== true) {
        this.#followPublications(publications);
      }
    }
    this.control.retain();
    await this.control.readIndex();
  }

  /** The epoch of the control log names the cell; undefined until that is folded. */
  get cell(): string | undefined {
    return this.control.fold.logEpoch;
  }

  /** The directory as it was at some moment after this call, or later. */
  async currentDirectory(): Promise<TenantDirectory> {
    await this.control.readIndex();
    return this.directory;
  }

  /** Hears of every change of the directory that is folded here. */
  onDirectory(changed: () => void): () => void {
    this.#directoryWatchers.add(changed);
    return () => this.#directoryWatchers.delete(changed);
  }

  #takeDirectory(touched: ReadonlySet<FoldedSession>): void {
    let hasChanged = false;
    for (const { state } of touched) hasChanged = this.directory.take(state) || hasChanged;
    if (!hasChanged) return;
    for (const changed of this.#directoryWatchers) changed();
  }

  /** Shards that wait for their operator, by name. */
  get stopped(): ReadonlyMap<Shard, ShardStopped> {
    return this.#stopped;
  }

  get opened(): IterableIterator<ShardReplica> {
    return this.#replicas.values();
  }

  /** Hears of every replica, those that are open already included. */
  onOpened(opener: (replica: ShardReplica) => void): void {
    this.#openers.add(opener);
    for (const replica of this.#replicas.values()) opener(replica);
  }

  locate(tenant: Tenant, name: string): Located {
    const { shard, key } = placeOf(tenant, name);
    return { tenant, name, key, replica: this.replica(tenant, shard) };
  }

  /** Makes the shard known here; what it holds is there once somebody awaits it. */
  replica(tenant: Tenant, shard: Shard): ShardReplica {
    const known = this.#replicas.get(shard);
    if (known !== undefined) return known;
    const { publications = unpublished } = this.parts;
    const { topic: name, partitions, durability, logEpoch, level } = tenant;
    const replica = this.#add(shard, publications, { space: spaceOf(tenant), logEpoch, level });
    if (level > replica.fold.knownLevel) stopUnknown(replica);
    const unsafe = this.#unsafe.get(name);
    if (unsafe !== undefined) stopUnsafe(replica, unsafe);
    this.spawn('check a topic', (signal) =>
      this.#checks.check({ name, partitions, durability }, signal),
    );
    return replica;
  }

  #refuseTopic(name: string, fault: Fault): void {
    this.#unsafe.set(name, fault);
    for (const replica of this.#replicas.values()) {
      if (topicOf(replica.shard) === name) stopUnsafe(replica, fault);
    }
  }

  #add(
    shard: Shard,
    publications: Publications,
    options: Pick<ConstructorParameters<typeof ShardReplica>[2], 'space' | 'logEpoch' | 'level'>,
  ): ShardReplica {
    const parts = {
      log: this.parts.log,
      clock: this.parts.clock,
      readIndex: this.#readIndex,
      budget: this.budget,
      publications,
      waitsForRoom: this.#settings.isPublishing === true && publications !== unpublished,
      onStopped: (name: Shard, stopped: ShardStopped) => this.#alarm(name, stopped),
    };
    const knownLevel = this.#settings.knownLevel ?? knownFoldLevel;
    const replica = new ShardReplica(shard, parts, { ...options, knownLevel });
    this.#replicas.set(shard, replica);
    for (const opener of this.#openers) opener(replica);
    return replica;
  }

  #alarm(shard: Shard, stopped: ShardStopped): void {
    this.#stopped.set(shard, stopped);
    const { reason, advice } = stopped;
    this.parts.logger.error({ shard, reason, advice, err: stopped }, 'shard stopped');
  }

  /** The session that a fork left, folded at least to where it left it. */
  async #sourceOf(fork: FoldedSession): Promise<HeldSession> {
    const { origin, incarnation: forkIncarnation } = fork.state.stream ?? {};
    const tenant = this.directory.get(fork.state.tenant);
    if (origin === undefined || tenant === undefined) {
      throw new Problem('internal', 'a fork without a source');
    }
    const { replica, key } = this.locate(tenant, origin.source);
    const held = await replica.holdOne(key);
    const letGo = (): void => replica.letGo(held);
    const isThere = (): boolean => {
      const { stream } = held.state;
      const isFolded = (stream?.tailPosition ?? -1) >= origin.position;
      return stream?.incarnation === origin.incarnation && isFolded;
    };
    try {
      if (!isThere()) await replica.readIndex();
      if (!isThere()) {
        // A fork that is over holds its source no more, and its own shard may be folded less far.
        await this.locate(tenant, fork.state.name).replica.readIndex();
        const isOver = fork.state.stream?.incarnation !== forkIncarnation;
        if (isOver) throw new Problem('session-not-found', 'deleted while it was read');
        throw new Problem('internal', 'the source of a fork is missing');
      }
    } catch (cause) {
      letGo();
      throw cause;
    }
    return { replica, session: held, letGo };
  }

  spawn(name: string, run: (signal: AbortSignal) => Promise<void>): void {
    this.#tasks.spawn(name, run);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#idling?.cancel();
    this.#following?.cancel();
    for (const replica of this.#replicas.values()) replica.close();
    await this.#tasks[Symbol.asyncDispose]();
  }
}

const stopUnsafe = (replica: ShardReplica, fault: Fault): Problem =>
  replica.stop(
    'unsafe-topic',
    fault.message,
    'give the topic the settings that it was made with, then restart',
  );

const stopUnknown = (replica: ShardReplica): Problem =>
  replica.stop(
    'unknown-level',
    `the shard began beyond this binary. level=${replica.fold.level} known=${replica.fold.knownLevel}`,
    levelAdvice,
  );

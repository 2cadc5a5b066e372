import { assert, present } from '@tidemark/std';
import { abortedFault, type Clock } from '../clock.ts';
import {
  type AppendOutcome,
  type BatchSource,
  batchBytesMax,
  type EventLog,
  type LogRecord,
  partitionOfShard,
  type ReadChunk,
  type ReadOptions,
  type Shard,
  type ShardBounds,
  type StoredRecord,
  shardOf,
  type TopicSpec,
  topicOf,
} from '../event-log.ts';
import { Fault } from '../fault.ts';
import { type Faults, noFaults } from './faults.ts';
import type { SeededPrng } from './seeded-prng.ts';
import { SimulatedGroups } from './simulated-groups.ts';
import {
  type Call,
  type Caller,
  type SimulatedDelays,
  SimulatedNetwork,
  type SimulatedNetworkOptions,
} from './simulated-network.ts';
import { type AppendedBatch, SimulatedShard } from './simulated-shard.ts';

export interface SimulatedEventLogOptions extends SimulatedNetworkOptions {
  /** How often a leader that has been deposed still answers `bounds`, while `deposedMs` last. */
  readonly deposedBoundsRate?: number;
  readonly deposedMs?: number;
  readonly batchBytesMax?: number;
  /** How long a crashed member stays in its groups. */
  readonly memberTimeoutMs?: number;
}

/** How many calls a handle has made. A `fetch` is one question for a chunk. */
export interface CallCounts {
  produce: number;
  fetch: number;
  bounds: number;
  trim: number;
}

/** The log itself, as brokers keep it. What a process holds of it is a handle. */
export class SimulatedEventLog {
  readonly #network: SimulatedNetwork;
  readonly #clock: Clock;
  readonly #prng: SeededPrng;
  readonly #options: SimulatedEventLogOptions;
  readonly #topics = new Map<string, SimulatedShard[]>();
  readonly #weaknesses = new Map<string, string>();
  readonly #groups: SimulatedGroups;
  #held: (() => void)[] | undefined;

  constructor(options: SimulatedEventLogOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#prng = options.prng;
    this.#network = new SimulatedNetwork(options);
    this.#groups = new SimulatedGroups((topic) => this.#topics.get(topic)?.length ?? 0);
  }

  connect(name: string): SimulatedLogHandle {
    return new SimulatedLogHandle(name, this.#engine());
  }

  /** From now on these faults; none, to let a simulation come to rest. */
  setFaults(faults: Faults = noFaults): void {
    this.#network.faults = faults;
  }

  /** What readers can see of a shard. */
  records(shard: Shard): readonly StoredRecord[] {
    return this.#present(shard).committed;
  }

  bounds(shard: Shard): ShardBounds {
    return this.#present(shard).bounds;
  }

  createTopic(name: string, partitions: number): void {
    assert(!this.#topics.has(name), 'a topic is created once');
    this.#topics.set(name, emptyShards(partitions));
    this.#groups.changed();
  }

  /** Somebody changes a topic's settings: it keeps less than was promised. */
  weaken(name: string, weakness: string): void {
    this.#weaknesses.set(name, weakness);
  }

  deleteTopic(name: string): void {
    this.#topics.delete(name);
    this.#groups.changed();
  }

  /** A record that no handle wrote. */
  injectForeign(shard: Shard, record: LogRecord): bigint {
    const target = this.#present(shard);
    const batch = target.append([copyOf(record)], () => undefined);
    target.commit(batch);
    return batch.baseOffset;
  }

  /** Offsets that no reader sees. */
  injectSkip(shard: Shard, count: number): void {
    this.#present(shard).skip(count);
  }

  /** A new leader; what was not committed is kept in part, all its outcomes are unknown. */
  failOver(shard: Shard): void {
    const target = this.#present(shard);
    const deposedUntilMs = this.#clock.monotonicMs() + (this.#options.deposedMs ?? 5_000);
    target.failOver({ keptCount: this.#prng.below(target.pendingCount + 1), deposedUntilMs });
  }

  /** The log loses what was committed, as Kafka does once all replicas of a record are gone. */
  loseTail(shard: Shard, end: bigint): void {
    this.#present(shard).rewind(Number(end));
  }

  /** Batches reach the leader and nobody sees them, until the answer is called. */
  holdCommits(): () => void {
    const held: (() => void)[] = [];
    this.#held = held;
    return () => {
      if (this.#held === held) this.#held = undefined;
      for (const commit of held) commit();
    };
  }

  #present(shard: Shard): SimulatedShard {
    return present(this.#shard(shard), `shard ${shard}`);
  }

  #shard(shard: Shard): SimulatedShard | undefined {
    return this.#topics.get(topicOf(shard))?.[partitionOfShard(shard)];
  }

  #engine(): LogEngine {
    return {
      network: this.#network,
      groups: this.#groups,
      batchBytesMax: this.#options.batchBytesMax ?? batchBytesMax,
      memberTimeoutMs: this.#options.memberTimeoutMs ?? 10_000,
      topics: this.#topics,
      weaknesses: this.#weaknesses,
      prng: this.#prng,
      schedule: (delayMs, run) => void this.#clock.schedule(delayMs, run),
      shard: (shard) => this.#shard(shard),
      boundsOf: (shard) => this.#boundsOf(shard),
      replicate: (shard, batch) => this.#replicate(shard, batch),
    };
  }

  #boundsOf(shard: SimulatedShard): ShardBounds {
    const rate = this.#options.deposedBoundsRate ?? 0;
    const isDeposed = rate > 0 && this.#prng.chance(rate);
    return isDeposed ? shard.deposedBounds(this.#clock.monotonicMs()) : shard.bounds;
  }

  #replicate(shard: SimulatedShard, batch: AppendedBatch): void {
    const commit = (): void => shard.commit(batch);
    this.#network.after('replicationMs', () => {
      if (this.#held === undefined) commit();
      else this.#held.push(commit);
    });
  }
}

interface LogEngine {
  readonly network: SimulatedNetwork;
  readonly groups: SimulatedGroups;
  readonly batchBytesMax: number;
  readonly memberTimeoutMs: number;
  readonly topics: Map<string, SimulatedShard[]>;
  readonly weaknesses: ReadonlyMap<string, string>;
  readonly prng: SeededPrng;
  readonly schedule: (delayMs: number, run: () => void) => void;
  readonly shard: (shard: Shard) => SimulatedShard | undefined;
  readonly boundsOf: (shard: SimulatedShard) => ShardBounds;
  readonly replicate: (shard: SimulatedShard, batch: AppendedBatch) => void;
}

type Settle = (stage: keyof SimulatedDelays, outcome: AppendOutcome) => void;

/** One process's connection to the log. */
export class SimulatedLogHandle implements EventLog {
  readonly name: string;
  readonly counts: CallCounts = { produce: 0, fetch: 0, bounds: 0, trim: 0 };
  readonly #engine: LogEngine;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Shard>();
  readonly #knownTerms = new Map<Shard, number>();
  readonly #caller: Caller;
  #connection = 1;
  #isCrashed = false;

  constructor(name: string, engine: LogEngine) {
    this.name = name;
    this.#engine = engine;
    this.#caller = {
      isCrashed: () => this.#isCrashed,
      landsAfterCrash: () => engine.prng.chance(0.5),
    };
  }

  /**
   * From now on no call of this handle takes effect or returns. What it had sent already may still
   * arrive.
   */
  crash(): void {
    this.#isCrashed = true;
    const leave = (): void => this.#engine.groups.leave(this);
    if (this.#engine.network.isInstant) leave();
    else this.#engine.schedule(this.#engine.memberTimeoutMs, leave);
  }

  /** Another connection, hence another tenure. */
  reconnect(): void {
    this.#connection += 1;
  }

  append(
    batches: ReadonlyMap<Shard, BatchSource>,
  ): ReadonlyMap<Shard, Promise<AppendOutcome | undefined>> {
    this.counts.produce += 1;
    const outcomes = new Map<Shard, Promise<AppendOutcome | undefined>>();
    for (const [shard, source] of batches) outcomes.set(shard, this.#appendOne(shard, source));
    return outcomes;
  }

  async *read(shard: Shard, options: ReadOptions): AsyncIterable<ReadChunk> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    let next = Number(options.from);
    while (!signal.aborted) {
      this.counts.fetch += 1;
      const chunk = await this.#chunkAt(shard, { ...options, from: BigInt(next), signal });
      if (chunk === undefined) return;
      next = Number(chunk.nextOffset);
      yield chunk;
    }
  }

  bounds(
    shards: readonly Shard[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Shard, ShardBounds | Error>> {
    this.counts.bounds += 1;
    const answer = (shard: Shard): [Shard, ShardBounds | Error] => {
      const target = this.#engine.shard(shard);
      return [shard, target === undefined ? missing(shard) : this.#engine.boundsOf(target)];
    };
    const failed = (cause: unknown): [Shard, Error][] => {
      if ((cause as Fault).reason === 'aborted') throw cause;
      return shards.map((shard) => [shard, cause as Error]);
    };
    const call = this.#call({ name: 'bounds', isWrite: false, signal }, () => shards.map(answer));
    return call.catch(failed).then((entries) => new Map(entries));
  }

  async trim(shard: Shard, to: bigint, signal?: AbortSignal): Promise<void> {
    this.counts.trim += 1;
    await this.#call({ name: 'trim', isWrite: true, signal }, () => {
      const target = this.#engine.shard(shard);
      if (target === undefined) throw missing(shard);
      if (to > target.bounds.end) {
        throw new Fault('above-end', `trim above the end. shard=${shard}`, { effect: 'none' });
      }
      target.trim(Number(to));
    });
  }

  ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<{ readonly partitions: number }> {
    return this.#call({ name: 'ensureTopic', isWrite: true, signal }, () => {
      const { topics, groups } = this.#engine;
      const shards = topics.get(spec.name) ?? emptyShards(spec.partitions);
      topics.set(spec.name, shards);
      groups.changed();
      return { partitions: shards.length };
    });
  }

  checkTopic({ name }: TopicSpec, signal?: AbortSignal): Promise<void> {
    return this.#call({ name: 'topics', isWrite: false, signal }, () => {
      if (!this.#engine.topics.has(name)) throw missing(name);
      const weakness = this.#engine.weaknesses.get(name);
      if (weakness === undefined) return;
      throw new Fault('unsafe', `topic keeps less than was promised. topic=${name}: ${weakness}`, {
        effect: 'none',
      });
    });
  }

  async growTopic(name: string, partitions: number, signal?: AbortSignal): Promise<void> {
    await this.#call({ name: 'growTopic', isWrite: true, signal }, () => {
      const shards = this.#engine.topics.get(name);
      if (shards === undefined) throw missing(name);
      shards.push(...emptyShards(Math.max(0, partitions - shards.length)));
      this.#engine.groups.changed();
    });
  }

  topics(
    signal?: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly partitions: number }[]> {
    return this.#call({ name: 'topics', isWrite: false, signal }, () =>
      [...this.#engine.topics].map(([name, shards]) => ({ name, partitions: shards.length })),
    );
  }

  async *assign(
    group: string,
    options: { readonly topics: readonly string[]; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Shard[]> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const member = this.#engine.groups.join(group, { owner: this, topics: options.topics });
    let last: string | undefined;
    try {
      while (!signal.aborted) {
        const shards = member.shards().map(([topic, index]) => shardOf(topic, index));
        if (shards.join() === last) {
          await this.#waited(signal, member.onChange);
        } else {
          last = shards.join();
          yield shards;
        }
      }
    } finally {
      if (!this.#isCrashed) member.leave();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#engine.groups.leave(this);
  }

  #call<T>(call: Call, effect: () => T): Promise<T> {
    if (this.#closing.signal.aborted) return Promise.reject(abortedFault(this.#closing.signal));
    return this.#engine.network.call(this.#caller, call, effect);
  }

  #appendOne(shard: Shard, source: BatchSource): Promise<AppendOutcome | undefined> {
    assert(!this.#underWay.has(shard), 'a shard has at most one append under way');
    this.#underWay.add(shard);
    const { network } = this.#engine;
    return new Promise((resolve) => {
      const settle = (outcome: AppendOutcome | undefined): void => {
        if (this.#isCrashed) return;
        this.#underWay.delete(shard);
        resolve(outcome);
      };
      network.after('requestMs', () => {
        if (this.#isCrashed) return;
        const batch = source().map(copyOf);
        if (batch.length === 0) return settle(undefined);
        this.#send(shard, batch, (stage, outcome) => network.after(stage, () => settle(outcome)));
      });
    });
  }

  #send(shard: Shard, batch: readonly LogRecord[], settle: Settle): void {
    const { network, batchBytesMax } = this.#engine;
    const fault = network.faults('append');
    const unknown = (reason: string): void => settle('timeoutMs', { kind: 'unknown', reason });
    if (bytesOfBatch(batch) > batchBytesMax) return settle('replyMs', refused('too-large', false));
    network.after('requestMs', () => {
      if (this.#isCrashed && !this.#caller.landsAfterCrash()) return;
      if (fault === 'before') return settle('replyMs', refused('simulated', true));
      if (fault === 'late') network.after('lateMs', () => this.#land(shard, batch, ignored));
      if (fault === 'late' || fault === 'lost-request') return unknown(`simulated ${fault}`);
      if (fault === 'twice') network.after('lateMs', () => this.#land(shard, batch, ignored));
      this.#land(shard, batch, fault === 'lost-reply' ? () => unknown('simulated') : settle);
    });
  }

  /** The batch is at the leader. */
  #land(shard: Shard, batch: readonly LogRecord[], settle: Settle): void {
    const target = this.#engine.shard(shard);
    if (target === undefined) return settle('replyMs', refused('missing', true));
    const { term } = target;
    const knownTerm = this.#knownTerms.get(shard) ?? term;
    this.#knownTerms.set(shard, term);
    // As a broker that leads no longer says it: the batch may have been taken before.
    if (knownTerm !== term) return settle('replyMs', { kind: 'unknown', reason: 'leader moved' });
    const tenure = `${term}.${this.name}.${this.#connection}`;
    const appended = target.append(batch, (kind) => {
      const { baseOffset } = appended;
      if (kind === 'committed') settle('replyMs', { kind, baseOffset, tenure });
      else settle('timeoutMs', { kind, reason: 'leader moved' });
    });
    this.#engine.replicate(target, appended);
  }

  /** Undefined when the reader is to end. */
  async #chunkAt(shard: Shard, options: ReadOptions): Promise<ReadChunk | undefined> {
    const { signal } = options;
    for (;;) {
      if (this.#isCrashed) return await new Promise(() => undefined);
      if (signal.aborted) return undefined;
      const target = this.#engine.shard(shard);
      if (target === undefined) throw missing(shard);
      const chunk = target.chunkAt(Number(options.from), options.chunkBytesMax ?? 1_048_576);
      if (chunk === undefined) {
        await this.#waited(signal, (wake) => target.onChange(wake));
        continue;
      }
      await this.#delayed();
      if (this.#isCrashed) continue;
      if (typeof chunk === 'object') return signal.aborted ? undefined : chunk;
      throw new Fault(chunk, `out of range. shard=${shard} from=${options.from}`, {
        effect: 'none',
      });
    }
  }

  #delayed(): Promise<void> {
    const { network } = this.#engine;
    const isSlow = network.faults('read') !== undefined;
    return new Promise((resolve) => network.after(isSlow ? 'timeoutMs' : 'readMs', resolve));
  }

  /** Until the change or the signal. A crashed handle's waits are never woken. */
  #waited(signal: AbortSignal, onChange: (wake: () => void) => () => void): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        forget();
        if (!this.#isCrashed) resolve();
      };
      const forget = onChange(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

const ignored: Settle = () => undefined;

const emptyShards = (count: number): SimulatedShard[] =>
  Array.from({ length: count }, () => new SimulatedShard());

const missing = (what: string): Fault =>
  new Fault('missing', `no such topic or shard. name=${what}`, { effect: 'none' });

const refused = (reason: string, retryable: boolean): AppendOutcome => ({
  kind: 'not-committed',
  reason,
  retryable,
});

const bytesOfBatch = (batch: readonly LogRecord[]): number =>
  batch.reduce((bytes, { key, value, headers }) => {
    return bytes + key.length + value.length + headers.length;
  }, 0);

/** A caller may reuse its buffers once its outcome is there. */
const copyOf = (record: LogRecord): LogRecord => ({
  key: record.key.slice(),
  value: record.value.slice(),
  headers: record.headers.slice(),
  timeMs: record.timeMs,
});

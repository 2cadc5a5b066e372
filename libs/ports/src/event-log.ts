// The door to the log. A shard is one ordered log: one Kafka partition, or its like in the embedded
// log. What an implementation owes its callers is written as the contract suite in ./testing.
//
// (1) One attempt, one outcome, per shard: nothing inside retries an append.
// (2) `committed` means durable under the topic's durability, at exactly `baseOffset`, contiguous.
// (3) `not-committed` means that no copy of the batch is or ever will be in the log.
//     Whatever is not certain is `unknown`.
// (4) A batch is visible whole or not at all.
// (5) Readers see committed records only, in offset order, each once.
// (6) The end that `bounds` tells is not older than the question.

/** A shard's name, `<topic>/<partition>`. */
export type Shard = string & { readonly brand: 'Shard' };

export const shardOf = (topic: string, partition: number): Shard =>
  `${topic}/${partition}` as Shard;

export const topicOf = (shard: Shard): string => shard.slice(0, shard.lastIndexOf('/'));

export const partitionOfShard = (shard: Shard): number =>
  Number(shard.slice(shard.lastIndexOf('/') + 1));

/** What one batch takes at most, its framing included: the `max.message.bytes` of our topics. */
export const batchBytesMax = 10 * 1_024 * 1_024;

/** What is written. `headers` is a block as `encodeHeaders` builds it. */
export interface LogRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly headers: Uint8Array;
  readonly timeMs: number;
}

/** What is read. Foreign records may lack a key or a value: both are then empty. */
export interface StoredRecord extends LogRecord {
  readonly offset: bigint;
}

export type AppendOutcome =
  | {
      readonly kind: 'committed';
      readonly baseOffset: bigint;
      /** Changes whenever the leader or the connection to it did. */
      readonly tenure: string;
    }
  | { readonly kind: 'not-committed'; readonly reason: string; readonly retryable: boolean }
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * Called once, at the moment a request is formed, so that a batch deepens while it waits for its
 * turn. An empty answer takes the shard out of this request: its outcome is then `undefined`.
 */
export type BatchSource = () => readonly LogRecord[];

export interface ShardBounds {
  /** Offset of the first record kept. */
  readonly start: bigint;
  /** Where the next record goes. */
  readonly end: bigint;
}

export interface ReadOptions {
  readonly from: bigint;
  readonly signal: AbortSignal;
  /**
   * Where the caller has got by itself meanwhile, asked whenever a chunk is formed: what lies below
   * may be left out, so that a writer's own records are not read back to it.
   */
  readonly skipTo?: () => bigint;
  /**
   * About how much one chunk holds. A chunk holds a record at least, unless all that is new is the
   * broker's own.
   */
  readonly chunkBytesMax?: number;
}

/** Records in offset order; offsets may skip (what the broker keeps for itself). */
export interface ReadChunk {
  readonly records: readonly StoredRecord[];
  /** Where to read on, past whatever was skipped. */
  readonly nextOffset: bigint;
}

export type Durability = 'replicated' | 'fsynced';

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly durability: Durability;
}

export interface EventLog extends AsyncDisposable {
  /** A shard has at most one append under way; a second is a broken invariant of the caller. */
  append(
    batches: ReadonlyMap<Shard, BatchSource>,
  ): ReadonlyMap<Shard, Promise<AppendOutcome | undefined>>;

  /**
   * Waits at the tail, woken by the append. Ends when the signal fires. Throws a Fault:
   * `below-start`, `above-end`, `missing`, `corrupt`; passing trouble is retried inside.
   */
  read(shard: Shard, options: ReadOptions): AsyncIterable<ReadChunk>;

  /** One question a broker. A shard that could not be asked has a Fault in its place. */
  bounds(
    shards: readonly Shard[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Shard, ShardBounds | Error>>;

  /** Drops records below `to`. Below the start is nothing to do; above the end is a Fault. */
  trim(shard: Shard, to: bigint, signal?: AbortSignal): Promise<void>;

  /**
   * Creates the topic unless it is there, then checks that it keeps what its durability promises: an
   * `unsafe` Fault names the setting. A topic with more partitions than asked for is left as it is.
   */
  ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<{ readonly partitions: number }>;

  /** Checks a topic as `ensureTopic` does, and never makes it: where it is not there, `missing`. */
  checkTopic(spec: TopicSpec, signal?: AbortSignal): Promise<void>;

  /** Raises the partition count. Fewer than there are is a broken invariant of the caller. */
  growTopic(name: string, partitions: number, signal?: AbortSignal): Promise<void>;

  topics(
    signal?: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly partitions: number }[]>;

  /** The shards of these topics that this member of the group should work on, at every change. */
  assign(
    group: string,
    options: { readonly topics: readonly string[]; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Shard[]>;
}

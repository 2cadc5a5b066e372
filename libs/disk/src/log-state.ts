// What the log's entries add up to. The same function folds an entry when it was just written and
// when it is read back at start.
//
// (1) start <= end <= nextEnd. Readers see nothing at or beyond `end`.
// (2) A shard's batches follow each other without a gap: a batch begins at the end.
// (3) The index covers [start, end).

import { type Shard, shardOf } from '@tidemark/ports';
import type { LogFile } from './log-file.ts';
import type { Entry, NewEntry } from './log-format.ts';
import { ShardIndex } from './shard-index.ts';

export class ShardState {
  readonly name: Shard;
  readonly topic: number;
  readonly partition: number;
  readonly index = new ShardIndex();
  start = 0;
  /** Durable and visible. */
  end = 0;
  /** With what is being written. */
  nextEnd = 0;
  isAppending = false;
  readonly waiters = new Set<() => void>();

  constructor(name: Shard, place: { readonly topic: number; readonly partition: number }) {
    this.name = name;
    this.topic = place.topic;
    this.partition = place.partition;
  }

  wake(): void {
    for (const wake of this.waiters) wake();
  }
}

export interface TopicState {
  readonly number: number;
  readonly name: string;
  readonly shards: ShardState[];
}

export interface PlacedEntry {
  readonly entry: Entry;
  readonly file: LogFile;
  readonly position: number;
  readonly bytes: number;
}

/** Why an entry cannot be what was written. */
export class ContradictoryEntry extends Error {
  override readonly name = 'ContradictoryEntry';
}

export class LogState {
  readonly topics = new Map<string, TopicState>();
  readonly shards = new Map<Shard, ShardState>();
  readonly #byNumber: TopicState[] = [];

  get nextTopic(): number {
    return this.#byNumber.length;
  }

  apply({ entry, file, position, bytes }: PlacedEntry): void {
    if (entry.kind === 'topic') return this.#applyTopic(entry);
    const shard = this.#shardAt(entry.topic, entry.partition);
    switch (entry.kind) {
      case 'batch':
        if (entry.baseOffset !== shard.end) {
          throw new ContradictoryEntry(`base=${entry.baseOffset} end=${shard.end}`);
        }
        shard.end = entry.baseOffset + entry.recordCount;
        shard.nextEnd = Math.max(shard.nextEnd, shard.end);
        shard.index.push({
          baseOffset: entry.baseOffset,
          recordCount: entry.recordCount,
          fileNumber: file.number,
          position,
          bytes,
        });
        file.shardEnds.set(shard, shard.end);
        return;
      case 'start':
        if (entry.start < shard.start || entry.start > shard.end) {
          throw new ContradictoryEntry(`start=${entry.start} in=[${shard.start}, ${shard.end}]`);
        }
        shard.start = entry.start;
        shard.index.dropBelow(entry.start);
        return;
      case 'shard':
        this.#applyShard(shard, entry);
    }
  }

  /** Everything that a later file must know of the files before it. */
  checkpoint(): NewEntry[] {
    const topics = this.#byNumber.map(({ number, name, shards }) => ({
      kind: 'topic' as const,
      topic: number,
      partitions: shards.length,
      name,
    }));
    const shards = [...this.shards.values()]
      .filter((shard) => shard.end > 0)
      .map(({ topic, partition, start, end }) => ({
        kind: 'shard' as const,
        topic,
        partition,
        start,
        end,
      }));
    return [...topics, ...shards];
  }

  /** The shards whose records are not all there, by name. */
  shardsWithHoles(): Shard[] {
    return [...this.shards.values()]
      .filter(({ start, end, index }) => start < end && index.indexOf(start) < 0)
      .map((shard) => shard.name);
  }

  #applyTopic(entry: Extract<Entry, { kind: 'topic' }>): void {
    const { topic: number, name, partitions } = entry;
    const known = this.#byNumber[number];
    if (number > this.#byNumber.length || (known !== undefined && known.name !== name)) {
      throw new ContradictoryEntry(`topic=${number} topics=${this.#byNumber.length}`);
    }
    const topic = known ?? { number, name, shards: [] };
    this.#byNumber[number] = topic;
    this.topics.set(name, topic);
    for (let partition = topic.shards.length; partition < partitions; partition += 1) {
      const shard = new ShardState(shardOf(name, partition), { topic: number, partition });
      topic.shards.push(shard);
      this.shards.set(shard.name, shard);
    }
  }

  #applyShard(shard: ShardState, entry: Extract<Entry, { kind: 'shard' }>): void {
    const isKnown = shard.end > 0;
    if (isKnown && (shard.end !== entry.end || shard.start !== entry.start)) {
      throw new ContradictoryEntry(
        `shard=[${entry.start}, ${entry.end}) known=[${shard.start}, ${shard.end})`,
      );
    }
    shard.start = entry.start;
    shard.end = entry.end;
    shard.nextEnd = entry.end;
  }

  #shardAt(topic: number, partition: number): ShardState {
    const shard = this.#byNumber[topic]?.shards[partition];
    if (shard === undefined) {
      throw new ContradictoryEntry(`unknown shard. topic=${topic} partition=${partition}`);
    }
    return shard;
  }
}

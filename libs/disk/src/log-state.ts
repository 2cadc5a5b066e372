// What the log's entries add up to. The same function folds an entry when it was just written and
// when it is read back at start.
//
// (1) start <= end <= nextEnd. Readers see nothing at or beyond `end`.
// (2) A shard's batches follow each other without a gap: a batch begins at the end.
// (3) The index covers [start, end), but while the log is read back: what was moved on from a file that
//     is gone is found further on.
// (4) A file's `liveBytes` are those of the entries that indexes name in it.

import { type Shard, shardOf } from '@tidemark/ports';
import { assert, present } from '@tidemark/std';
import type { LogFile } from './log-file.ts';
import type { BatchEntry, Entry, NewEntry } from './log-format.ts';
import { type EntryPlace, ShardIndex } from './shard-index.ts';

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
  readonly #files = new Map<number, LogFile>();

  get nextTopic(): number {
    return this.#byNumber.length;
  }

  apply({ entry, file, position, bytes }: PlacedEntry): void {
    if (entry.kind === 'topic') return this.#applyTopic(entry);
    const shard = this.shardAt(entry.topic, entry.partition);
    switch (entry.kind) {
      case 'batch':
      case 'moved': {
        this.#files.set(file.number, file);
        file.addBatch(bytes);
        const { baseOffset, recordCount } = entry;
        const place = { baseOffset, recordCount, fileNumber: file.number, position, bytes };
        if (entry.kind === 'batch') this.#applyBatch(shard, place);
        else this.#applyMoved(shard, place);
        return;
      }
      case 'start':
        if (entry.start < shard.start || entry.start > shard.end) {
          throw new ContradictoryEntry(`start=${entry.start} in=[${shard.start}, ${shard.end}]`);
        }
        shard.start = entry.start;
        shard.index.dropBelow(entry.start, (place) => this.#addLive(place, -1));
        return;
      case 'shard':
        this.#applyShard(shard, entry);
    }
  }

  /** Whether an entry is what its shard's index names. */
  isLive(
    entry: BatchEntry,
    place: { readonly fileNumber: number; readonly position: number },
  ): boolean {
    const { index } = this.shardAt(entry.topic, entry.partition);
    const found = index.find(entry.baseOffset);
    return found?.fileNumber === place.fileNumber && found.position === place.position;
  }

  /** What is live in a file, in the order in which it lies there. */
  liveIn(fileNumber: number): EntryPlace[] {
    const places: EntryPlace[] = [];
    for (const { index } of this.shards.values()) places.push(...index.placesIn(fileNumber));
    return places.sort((one, other) => one.position - other.position);
  }

  /** Everything is read back: what was moved on takes its place. Gives the shards with holes. */
  settle(): Shard[] {
    const withHoles: Shard[] = [];
    for (const { name, index, start, end } of this.shards.values()) {
      index.settle(start, (place) => this.#addLive(place, 1));
      if (!index.covers(start, end)) withHoles.push(name);
    }
    return withHoles;
  }

  /** The file is gone: nothing in it was live. */
  forget(file: LogFile): void {
    assert(file.liveBytes === 0, 'nothing live goes with its file');
    this.#files.delete(file.number);
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

  shardAt(topic: number, partition: number): ShardState {
    const shard = this.#byNumber[topic]?.shards[partition];
    if (shard === undefined) {
      throw new ContradictoryEntry(`unknown shard. topic=${topic} partition=${partition}`);
    }
    return shard;
  }

  #applyBatch(shard: ShardState, place: EntryPlace): void {
    if (place.baseOffset !== shard.end) {
      throw new ContradictoryEntry(`base=${place.baseOffset} end=${shard.end}`);
    }
    shard.end = place.baseOffset + place.recordCount;
    shard.nextEnd = Math.max(shard.nextEnd, shard.end);
    shard.index.push(place);
    this.#addLive(place, 1);
  }

  #applyMoved(shard: ShardState, place: EntryPlace): void {
    const end = place.baseOffset + place.recordCount;
    const was = shard.index.find(place.baseOffset);
    const isOther = was !== undefined && was.recordCount !== place.recordCount;
    if (end <= shard.start || end > shard.end || isOther) {
      const bounds = `moved=[${place.baseOffset}, ${end}) in=[${shard.start}, ${shard.end})`;
      throw new ContradictoryEntry(bounds);
    }
    if (was === undefined) return shard.index.add(place);
    this.#addLive(was, -1);
    shard.index.replace(place);
    this.#addLive(place, 1);
  }

  #addLive({ fileNumber, bytes }: EntryPlace, sign: 1 | -1): void {
    present(this.#files.get(fileNumber), 'file').addLive(sign * bytes);
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
}

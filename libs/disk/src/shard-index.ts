import { assert } from '@tidemark/std';

/** Where a batch lies: its entry in a file. */
export interface EntryPlace {
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly fileNumber: number;
  readonly position: number;
  readonly bytes: number;
}

const fields = 4;
const capacityAtFirst = 4;

/** A shard's batches in offset order, 24 bytes each, so that a million of them can be kept. */
export class ShardIndex {
  #baseOffsets = new Float64Array(capacityAtFirst);
  #places = new Uint32Array(capacityAtFirst * fields);
  #first = 0;
  #end = 0;

  get size(): number {
    return this.#end - this.#first;
  }

  push(place: EntryPlace): void {
    if (this.#end === this.#baseOffsets.length) this.#makeRoom();
    this.#baseOffsets[this.#end] = place.baseOffset;
    const at = this.#end * fields;
    this.#places[at] = place.recordCount;
    this.#places[at + 1] = place.fileNumber;
    this.#places[at + 2] = place.position;
    this.#places[at + 3] = place.bytes;
    this.#end += 1;
  }

  /** The nth entry, counted from the first that is kept. */
  at(index: number): EntryPlace {
    assert(index >= 0 && index < this.size, 'an index inside the shard');
    const place = this.#first + index;
    const at = place * fields;
    return {
      baseOffset: this.#baseOffsets[place] as number,
      recordCount: this.#places[at] as number,
      fileNumber: this.#places[at + 1] as number,
      position: this.#places[at + 2] as number,
      bytes: this.#places[at + 3] as number,
    };
  }

  /** Which entry holds the offset; -1 where it lies below the first. */
  indexOf(offset: number): number {
    let first = this.#first;
    let end = this.#end;
    while (first < end) {
      const middle = (first + end) >>> 1;
      if ((this.#baseOffsets[middle] as number) <= offset) first = middle + 1;
      else end = middle;
    }
    return first - this.#first - 1;
  }

  /** Forgets the entries that lie wholly below an offset. */
  dropBelow(start: number): void {
    const index = this.indexOf(start);
    if (index < 0) return;
    const { baseOffset, recordCount } = this.at(index);
    this.#first += baseOffset + recordCount <= start ? index + 1 : index;
  }

  #makeRoom(): void {
    const { size } = this;
    const mustGrow = size * 2 > this.#baseOffsets.length;
    const capacity = mustGrow ? this.#baseOffsets.length * 2 : this.#baseOffsets.length;
    const baseOffsets = new Float64Array(capacity);
    const places = new Uint32Array(capacity * fields);
    baseOffsets.set(this.#baseOffsets.subarray(this.#first, this.#end));
    places.set(this.#places.subarray(this.#first * fields, this.#end * fields));
    this.#baseOffsets = baseOffsets;
    this.#places = places;
    this.#first = 0;
    this.#end = size;
  }
}

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
  /** Of batches that it has no entry of yet, in the order of the log: see `settle`. */
  #added: EntryPlace[] = [];

  get size(): number {
    return this.#end - this.#first;
  }

  push(place: EntryPlace): void {
    if (this.#end === this.#baseOffsets.length) this.#makeRoom();
    this.#put(this.#end, place);
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

  /** The entry that begins at this offset. */
  find(baseOffset: number): EntryPlace | undefined {
    const index = this.indexOf(baseOffset);
    if (index < 0) return undefined;
    const place = this.at(index);
    return place.baseOffset === baseOffset ? place : undefined;
  }

  /** The batch lies elsewhere now. */
  replace(place: EntryPlace): void {
    const index = this.indexOf(place.baseOffset);
    assert(this.find(place.baseOffset) !== undefined, 'what is replaced is there');
    this.#put(this.#first + index, place);
  }

  /** A batch that lies below others, while the log is read back. */
  add(place: EntryPlace): void {
    this.#added.push(place);
  }

  /** Puts what was added in its place: of two of the same batch the later one, and none below the start. */
  settle(start: number, placed: (place: EntryPlace) => void): void {
    if (this.#added.length === 0) return;
    const latest = new Map(this.#added.map((place) => [place.baseOffset, place]));
    this.#added = [];
    const added = [...latest.values()].filter(({ baseOffset, recordCount }) => {
      return baseOffset + recordCount > start && this.find(baseOffset) === undefined;
    });
    for (const place of added) placed(place);
    const all = [...this.#all(), ...added].sort((one, other) => {
      return one.baseOffset - other.baseOffset;
    });
    this.#first = 0;
    this.#end = 0;
    for (const place of all) this.push(place);
  }

  /** Whether each offset of the range lies in an entry, and none in two. */
  covers(start: number, end: number): boolean {
    if (start === end) return true;
    if (this.indexOf(start) < 0) return false;
    for (let index = 1; index < this.size; index += 1) {
      const before = this.at(index - 1);
      if (before.baseOffset + before.recordCount !== this.at(index).baseOffset) return false;
    }
    const last = this.at(this.size - 1);
    return last.baseOffset + last.recordCount === end;
  }

  *placesIn(fileNumber: number): Generator<EntryPlace> {
    for (let index = 0; index < this.size; index += 1) {
      const at = (this.#first + index) * fields;
      if (this.#places[at + 1] === fileNumber) yield this.at(index);
    }
  }

  /** Forgets the entries that lie wholly below an offset. */
  dropBelow(start: number, dropped: (place: EntryPlace) => void): void {
    while (this.size > 0) {
      const place = this.at(0);
      if (place.baseOffset + place.recordCount > start) return;
      dropped(place);
      this.#first += 1;
    }
  }

  #all(): EntryPlace[] {
    return Array.from({ length: this.size }, (_, index) => this.at(index));
  }

  #put(slot: number, place: EntryPlace): void {
    this.#baseOffsets[slot] = place.baseOffset;
    const at = slot * fields;
    this.#places[at] = place.recordCount;
    this.#places[at + 1] = place.fileNumber;
    this.#places[at + 2] = place.position;
    this.#places[at + 3] = place.bytes;
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

// The last groups written, in one ring of memory, so that a reader near the tail needs no file and a
// group costs no memory of its own. A group is encoded where it will be found.
//
// (1) What is kept is the end of the log: groups leave oldest first, where another needs their memory.
// (2) Whoever reads copies before anything else happens: the next group may take the memory.

import { assert, emptyBytes } from '@tidemark/std';

interface RecentGroup {
  readonly fileNumber: number;
  readonly position: number;
  readonly bytes: Uint8Array;
  /** Where it begins, counted as if the ring were endless. */
  readonly from: number;
}

export class RecentGroups {
  readonly #ring: Uint8Array;
  #groups: RecentGroup[] = [];
  #first = 0;
  #taken: Uint8Array = emptyBytes;
  #takenFrom = 0;
  #next = 0;

  constructor(ringBytes: number) {
    this.#ring = new Uint8Array(ringBytes);
  }

  /** Memory for the next group. One that the ring cannot hold has its own, and is not kept. */
  take(bytes: number): Uint8Array {
    const { length } = this.#ring;
    if (bytes > length) {
      this.#forgetBefore(Infinity);
      this.#taken = new Uint8Array(bytes);
      return this.#taken;
    }
    const start = this.#next % length;
    // In one piece: what is left before the ring's end is skipped.
    if (start + bytes > length) this.#next += length - start;
    this.#takenFrom = this.#next;
    this.#next += bytes;
    this.#forgetBefore(this.#next - length);
    this.#taken = this.#ring.subarray(this.#takenFrom % length, (this.#takenFrom % length) + bytes);
    return this.#taken;
  }

  /** The group that was encoded into what was taken last is in the log. */
  keep(fileNumber: number, position: number): void {
    assert(this.#taken.length > 0, 'memory was taken for the group');
    if (this.#taken.length > this.#ring.length) return;
    const from = this.#takenFrom;
    this.#groups.push({ fileNumber, position, bytes: this.#taken, from });
  }

  /** The group that holds this position, if it is still here. */
  find(fileNumber: number, position: number): RecentGroup | undefined {
    let first = this.#first;
    let end = this.#groups.length;
    while (first < end) {
      const middle = (first + end) >>> 1;
      if (isAfter(this.#groups[middle] as RecentGroup, fileNumber, position)) end = middle;
      else first = middle + 1;
    }
    if (first === this.#first) return undefined;
    const group = this.#groups[first - 1] as RecentGroup;
    const isInside =
      group.fileNumber === fileNumber && position < group.position + group.bytes.length;
    return isInside ? group : undefined;
  }

  #forgetBefore(from: number): void {
    const { length } = this.#groups;
    while (this.#first < length && (this.#groups[this.#first] as RecentGroup).from < from) {
      this.#first += 1;
    }
    if (this.#first * 2 > length) {
      this.#groups = this.#groups.slice(this.#first);
      this.#first = 0;
    }
  }
}

const isAfter = (group: RecentGroup, fileNumber: number, position: number): boolean =>
  group.fileNumber === fileNumber ? group.position > position : group.fileNumber > fileNumber;

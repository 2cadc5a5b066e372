interface RecentGroup {
  readonly fileNumber: number;
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** The last groups written, so that a reader near the tail needs no file. */
export class RecentGroups {
  readonly #bytesMax: number;
  #groups: RecentGroup[] = [];
  #first = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(group: RecentGroup): void {
    this.#groups.push(group);
    this.#bytes += group.bytes.length;
    while (this.#bytes > this.#bytesMax && this.#first < this.#groups.length) {
      this.#bytes -= (this.#groups[this.#first] as RecentGroup).bytes.length;
      this.#first += 1;
    }
    if (this.#first * 2 > this.#groups.length) {
      this.#groups = this.#groups.slice(this.#first);
      this.#first = 0;
    }
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
}

const isAfter = (group: RecentGroup, fileNumber: number, position: number): boolean =>
  group.fileNumber === fileNumber ? group.position > position : group.fileNumber > fileNumber;

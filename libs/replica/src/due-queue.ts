// Keys by when somebody has to look at them, the earliest first. A key that moves to a later time stays
// where it is and is set again by who looks; one that moves to an earlier time, or is forgotten, leaves a stale
// entry. Of these there are never more than of the others, but for a few.

interface Entry {
  readonly key: string;
  readonly dueMs: number;
}

const staleMin = 1_024;

export class DueQueue {
  /** A binary heap. */
  #heap: Entry[] = [];
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** Is given out at that time, or before. */
  set(key: string, dueMs: number): void {
    const known = this.#entries.get(key);
    if (known !== undefined && known.dueMs <= dueMs) return;
    const entry = { key, dueMs };
    this.#entries.set(key, entry);
    this.#push(entry);
  }

  /** The earliest, where it is due. */
  take(nowMs: number): string | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.dueMs > nowMs) return undefined;
      this.#pop();
      if (this.#entries.get(first.key) !== first) continue;
      this.#entries.delete(first.key);
      return first.key;
    }
  }

  /** It is not given out any more. */
  forget(key: string): void {
    const wasThere = this.#entries.delete(key);
    if (wasThere && this.#heap.length > 2 * this.#entries.size + staleMin) this.#rebuild();
  }

  /** Forgets all others. */
  retain(isKept: (key: string) => boolean): void {
    for (const key of this.#entries.keys()) if (!isKept(key)) this.#entries.delete(key);
    this.#rebuild();
  }

  #rebuild(): void {
    // In order, and so a heap.
    this.#heap = [...this.#entries.values()].sort((one, other) => one.dueMs - other.dueMs);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent] as Entry;
      if (above.dueMs <= entry.dueMs) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const isRightLess = (heap[child + 1]?.dueMs ?? Infinity) < (heap[child] as Entry).dueMs;
      if (isRightLess) child += 1;
      const below = heap[child] as Entry;
      if (below.dueMs >= last.dueMs) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

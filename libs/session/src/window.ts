/** What a window keeps at least, and at most. */
export interface WindowBounds {
  /** Entries that are kept, however old they are ... */
  readonly entriesMin: number;
  /** ... and for how long all are kept, by record time, unless there are too many: */
  readonly windowMs: number;
  readonly entriesMax: number;
  /** Of the keys. */
  readonly bytesMax: number;
}

/**
 * What a session remembers of identities that clients repeat: an insertion-ordered map whose oldest
 * entries go once its bounds let them, or make them. A function of the log alone, so every process
 * remembers the same.
 *
 * A layer over another window sees through it and keeps its own entries: speculation costs no copy.
 */
export class Window<V extends { readonly timeMs: number }> {
  /** Most sessions have nothing to remember, and there are many of them. */
  #entries: Map<string, V> | undefined;
  readonly #below: Window<V> | undefined;
  #bytes = 0;

  constructor(below?: Window<V>) {
    this.#below = below;
  }

  get(key: string): V | undefined {
    return this.#entries?.get(key) ?? this.#below?.get(key);
  }

  /** The latest use of a key makes it the youngest. */
  set(key: string, value: V, bounds: WindowBounds): void {
    this.#delete(key);
    const entries = this.#add(key, value);
    if (this.#below !== undefined) return;
    for (const [oldest, { timeMs }] of entries) {
      const isOver = entries.size > bounds.entriesMax || this.#bytes > bounds.bytesMax;
      const isOld = entries.size > bounds.entriesMin && timeMs < value.timeMs - bounds.windowMs;
      if (!isOver && !isOld) break;
      this.#delete(oldest);
    }
  }

  layer(): Window<V> {
    return new Window<V>(this);
  }

  entries(): Iterable<[string, V]> {
    return this.#entries ?? [];
  }

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  static of<V extends { readonly timeMs: number }>(
    entries: Iterable<readonly [string, V]>,
  ): Window<V> {
    const window = new Window<V>();
    for (const [key, value] of entries) window.#add(key, value);
    return window;
  }

  #add(key: string, value: V): ReadonlyMap<string, V> {
    this.#entries ??= new Map();
    this.#entries.set(key, value);
    this.#bytes += key.length;
    return this.#entries;
  }

  #delete(key: string): void {
    if (this.#entries?.delete(key) === true) this.#bytes -= key.length;
  }
}

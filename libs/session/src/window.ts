/**
 * What a session remembers of identities that clients repeat: an insertion-ordered map whose oldest
 * entries go once there are more than `entriesMin` of them and they are older than `windowMs`, by
 * record time. A function of the log alone, so every process remembers the same.
 *
 * A layer over another window sees through it and keeps its own entries: speculation costs no copy.
 */
export class Window<V extends { readonly timeMs: number }> {
  readonly #entries = new Map<string, V>();
  readonly #below: Window<V> | undefined;

  constructor(below?: Window<V>) {
    this.#below = below;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key) ?? this.#below?.get(key);
  }

  /** The latest use of a key makes it the youngest. */
  set(
    key: string,
    value: V,
    bounds: { readonly entriesMin: number; readonly windowMs: number },
  ): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#below !== undefined) return;
    for (const [oldest, { timeMs }] of this.#entries) {
      if (this.#entries.size <= bounds.entriesMin) break;
      if (timeMs >= value.timeMs - bounds.windowMs) break;
      this.#entries.delete(oldest);
    }
  }

  layer(): Window<V> {
    return new Window<V>(this);
  }

  entries(): IterableIterator<[string, V]> {
    return this.#entries.entries();
  }

  get size(): number {
    return this.#entries.size;
  }

  static of<V extends { readonly timeMs: number }>(
    entries: Iterable<readonly [string, V]>,
  ): Window<V> {
    const window = new Window<V>();
    for (const [key, value] of entries) window.#entries.set(key, value);
    return window;
  }
}

import { RecentMap } from '@tidemark/std';

/** What was read of tables, the least recently used going first, under a budget of bytes. */
export class BlockCache {
  readonly #bytesMax: number;
  readonly #kept = new RecentMap<string, { readonly value: unknown; readonly bytes: number }>();
  readonly #loading = new Map<string, Promise<unknown>>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get<T>(key: string): T | undefined {
    return this.#kept.use(key)?.value as T | undefined;
  }

  set(key: string, value: unknown, bytes: number): void {
    this.delete(key);
    this.#kept.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const [oldest] of this.#kept.entries()) {
      if (this.#bytes <= this.#bytesMax || oldest === key) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= kept.bytes;
  }

  /** One load for all who ask at once. */
  async load<T>(
    key: string,
    load: () => Promise<{ readonly value: T; readonly bytes: number }>,
  ): Promise<T> {
    const known = this.get<T>(key);
    if (known !== undefined) return known;
    const loading = (this.#loading.get(key) as Promise<T> | undefined) ?? this.#loadOnce(key, load);
    this.#loading.set(key, loading);
    try {
      return await loading;
    } finally {
      if (this.#loading.get(key) === loading) this.#loading.delete(key);
    }
  }

  async #loadOnce<T>(
    key: string,
    load: () => Promise<{ readonly value: T; readonly bytes: number }>,
  ): Promise<T> {
    const { value, bytes } = await load();
    this.set(key, value, bytes);
    return value;
  }
}

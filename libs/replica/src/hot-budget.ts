import type { Page } from './page.ts';

/** One budget of bytes for the bodies that a process keeps in memory; the oldest pages go first. */
export class HotBudget {
  readonly bytesMax: number;
  #usedBytes = 0;
  readonly #pages = new Set<Page>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The page now takes so many bytes more; others give way. */
  charge(page: Page, bytes: number): void {
    this.#usedBytes += bytes;
    this.#pages.add(page);
    for (const oldest of this.#pages) {
      if (this.#usedBytes <= this.bytesMax) break;
      if (oldest === page) continue;
      this.release(oldest);
    }
  }

  /** Drops the bodies; where they are in the log stays known. */
  release(page: Page): void {
    if (!this.#pages.delete(page)) return;
    this.#usedBytes -= page.evict();
  }

  /** A page that is read again goes last. */
  touch(page: Page): void {
    if (this.#pages.delete(page)) this.#pages.add(page);
  }
}

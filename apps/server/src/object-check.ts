import type { Clock, ObjectStore } from '@tidemark/ports';
import { equalBytes } from '@tidemark/std';

const probeKey = 'tidemark/ready';
const probeMs = 5_000;

/**
 * Whether the object store is there and refuses a second conditional write, without which nothing
 * that is published would be safe. Asked at the start, then on a beat.
 */
export class ObjectCheck {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  #failure: string | undefined = 'not asked yet';
  #isClosed = false;

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  failures(): Record<string, string> {
    return this.#failure === undefined ? {} : { objects: this.#failure };
  }

  start(): void {
    void this.#ask();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #ask(): Promise<void> {
    try {
      this.#failure = await this.#probe();
    } catch (cause) {
      this.#failure = cause instanceof Error ? cause.message : String(cause);
    }
    if (!this.#isClosed) this.#clock.schedule(probeMs, () => void this.#ask());
  }

  async #probe(): Promise<string | undefined> {
    const body = Uint8Array.of(1);
    await this.#store.putIfAbsent(probeKey, body);
    const again = await this.#store.putIfAbsent(probeKey, Uint8Array.of(2));
    if (again.kind !== 'refused') return 'the store does not honour conditional writes';
    const stored = await this.#store.get(probeKey);
    const isKept = stored !== undefined && equalBytes(stored.body, body);
    return isKept ? undefined : 'the store does not keep what was written';
  }
}

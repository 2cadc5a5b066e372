import { type Clock, isFault, type Logger, type ObjectStore } from '@tidemark/ports';
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
  readonly #logger: Logger;
  #failure: string | undefined = 'not asked yet';
  #isFailing = false;
  #isClosed = false;

  constructor(store: ObjectStore, { clock, logger }: { clock: Clock; logger: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
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
      this.#isFailing = false;
    } catch (cause) {
      if (!this.#isFailing) this.#logger.error({ err: cause }, 'the object store fails');
      this.#isFailing = true;
      this.#failure = `the store does not answer. reason=${isFault(cause) ? cause.reason : 'other'}`;
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

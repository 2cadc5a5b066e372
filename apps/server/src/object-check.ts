import { type Clock, isFault, type Logger, type ObjectStore } from '@tidemark/ports';
import { equalBytes } from '@tidemark/std';

const probeKey = 'tidemark/ready';
const probeMs = 5_000;
/** While it answers: a request costs money wherever the store is rented. */
const beatMs = 30_000;

/**
 * Whether the object store is there and refuses a second conditional write, without which nothing
 * that is published would be safe. Written at the start; from then on it is read, on a beat.
 */
export class ObjectCheck {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #failure: string | undefined = 'not asked yet';
  #isFailing = false;
  #isProved = false;
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
    if (this.#isClosed) return;
    const waitMs = this.#failure === undefined ? beatMs : probeMs;
    this.#clock.schedule(waitMs, () => void this.#ask());
  }

  async #probe(): Promise<string | undefined> {
    const body = Uint8Array.of(1);
    if (!this.#isProved && !(await this.#refusesSecond(body))) {
      return 'the store does not honour conditional writes';
    }
    const stored = await this.#store.get(probeKey);
    this.#isProved = stored !== undefined && equalBytes(stored.body, body);
    return this.#isProved ? undefined : 'the store does not keep what was written';
  }

  async #refusesSecond(body: Uint8Array): Promise<boolean> {
    await this.#store.putIfAbsent(probeKey, body);
    const again = await this.#store.putIfAbsent(probeKey, Uint8Array.of(2));
    return again.kind === 'refused';
  }
}

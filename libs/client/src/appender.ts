// Exactly once, by ids of the events' own.
//
// Event number n of a producer has the id `<producer>-<n>`, and the server does not append an event again whose
// id the session knows: so an append is repeated until it is answered, however often it arrived, and whatever
// a network does with its copies. The protocol's producer sequences would do for the repeats of one process.
// A process that begins anew, though, has to know whether its last batch stood, and that batch must have had
// the same bounds; a new epoch fences the old process, and forgets. An id is of one event: batches may be cut
// differently, half of one may be there already, and the answer is the events as they stand.
//
// (1) A number is one event for ever: who begins anew numbers from what it is made of, a line of a file say.
// (2) One request is under way. What comes meanwhile waits, and goes with the next.
// (3) Where an append failed for good, nothing behind it is sent: order would be lost.
// (4) The server knows the ids of the last 24 hours at least, of up to 65,536 events: see PROTOCOL. A repeat is
//     safe for so long.

import { type NamedEvent, requestsOf, type SentEvent, type StoredEvent } from './events.ts';
import type { Problem } from './problem.ts';

export interface AppenderOptions {
  /** The same after a restart; one that nobody has where nothing is said. */
  readonly producer?: string;
  /** Number of the first event; all before it are durable, or another's business. */
  readonly from?: number;
  readonly signal?: AbortSignal;
}

export type SendEvents = (
  events: readonly NamedEvent[],
  signal: AbortSignal | undefined,
) => Promise<readonly StoredEvent[]>;

/** Events that wait for their turn. */
const waitingMax = 10_000;

interface Waiting {
  readonly event: NamedEvent;
  readonly resolve: (stored: StoredEvent) => void;
  readonly reject: (cause: unknown) => void;
}

export class Appender implements AsyncDisposable {
  readonly producer: string;
  readonly #send: SendEvents;
  readonly #signal: AbortSignal | undefined;
  readonly #waiting: Waiting[] = [];
  #next: number;
  #acknowledged: number;
  #pumping: Promise<void> | undefined;
  #failure: { readonly cause: unknown } | undefined;

  constructor(
    send: SendEvents,
    { producer, from = 0, signal }: AppenderOptions & { producer: string },
  ) {
    this.#send = send;
    this.producer = producer;
    this.#next = from;
    this.#acknowledged = from;
    this.#signal = signal;
  }

  /** The number that the next event gets. */
  get next(): number {
    return this.#next;
  }

  /** Every event below is durable: where to begin after a restart. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Resolves with the event as it is stored, once it is durable. */
  append(event: SentEvent): Promise<StoredEvent> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.cause);
    if (this.#waiting.length >= waitingMax) {
      return Promise.reject(new RangeError('too many events wait: await those that were appended'));
    }
    const named = { ...event, id: `${this.producer}-${this.#next}` };
    this.#next += 1;
    const stored = new Promise<StoredEvent>((resolve, reject) => {
      this.#waiting.push({ event: named, resolve, reject });
      this.#pumping ??= this.#pump();
    });
    // Who awaits `flush` alone hears of the failure there.
    stored.catch(() => undefined);
    return stored;
  }

  /** All that a source gives, no faster than they become durable. Tells how many it were. */
  async appendAll(source: Iterable<SentEvent> | AsyncIterable<SentEvent>): Promise<number> {
    const first = this.#next;
    for await (const event of source) {
      void this.append(event);
      if (this.#waiting.length >= waitingMax / 2) await this.#pumping;
      if (this.#failure !== undefined) break;
    }
    await this.flush();
    return this.#next - first;
  }

  /** Resolves once all that was appended so far is durable; rejects where something of it is not. */
  async flush(): Promise<void> {
    while (this.#pumping !== undefined) await this.#pumping;
    if (this.#failure !== undefined) throw this.#failure.cause;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.flush();
  }

  async #pump(): Promise<void> {
    // What is appended in the same breath goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0 && this.#failure === undefined) await this.#sendNext();
    this.#pumping = undefined;
  }

  async #sendNext(): Promise<void> {
    const [events = []] = requestsOf(this.#waiting.map(({ event }) => event));
    try {
      const stored = await this.#send(events, this.#signal);
      this.#acknowledged += events.length;
      const sent = this.#waiting.splice(0, events.length);
      for (const [index, { resolve }] of sent.entries()) resolve(stored[index] as StoredEvent);
    } catch (cause) {
      this.#failure = { cause: cause as Problem };
      for (const { reject } of this.#waiting.splice(0)) reject(cause);
    }
  }
}

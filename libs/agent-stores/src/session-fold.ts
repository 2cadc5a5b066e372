// A state that is folded from a session's events: each call reads what has come since the last one. Calls go
// one after the other.

import {
  type Place,
  RequestProblem,
  type SentEvent,
  type SessionsClient,
  type StoredEvent,
} from '@tidemark/sessions-client';

const attemptsMax = 50;

export class SessionFold<State> {
  readonly #client: SessionsClient;
  readonly #place: Place;
  readonly #begin: () => State;
  readonly #apply: (state: State, event: StoredEvent) => State;
  #state: State;
  #nextSeq = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    client: SessionsClient,
    place: Place,
    fold: {
      readonly begin: () => State;
      readonly apply: (state: State, event: StoredEvent) => State;
    },
  ) {
    this.#client = client;
    this.#place = place;
    this.#begin = fold.begin;
    this.#apply = fold.apply;
    this.#state = fold.begin();
  }

  /** As it is now, with the seq that comes next. */
  read(): Promise<{ readonly state: State; readonly nextSeq: number }> {
    const next = this.#last.then(() => this.#read());
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Appends what is decided on the state as it is; where another came between, on what that made of it. */
  async change(decide: (state: State) => readonly SentEvent[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const { state, nextSeq } = await this.read();
      const events = decide(state);
      if (events.length === 0) return;
      try {
        await this.#client.appendAtOnce(this.#place, events, { expected: nextSeq });
        return;
      } catch (cause) {
        const isLate = cause instanceof RequestProblem && cause.status === 412;
        if (!isLate || attempt === attemptsMax) throw cause;
      }
    }
  }

  async #read(): Promise<{ readonly state: State; readonly nextSeq: number }> {
    try {
      for await (const event of this.#client.events(this.#place, { from_seq: this.#nextSeq })) {
        this.#state = this.#apply(this.#state, event);
        this.#nextSeq += 1;
      }
    } catch (cause) {
      const isGone =
        cause instanceof RequestProblem && (cause.status === 404 || cause.status === 410);
      if (!isGone) throw cause;
      this.#state = this.#begin();
      this.#nextSeq = 0;
    }
    return { state: this.#state, nextSeq: this.#nextSeq };
  }
}

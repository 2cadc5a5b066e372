// A state that is folded from a session's events: each call reads what has come since the last one. Calls go
// one after the other.

import {
  isAbsent,
  isProblem,
  type Place,
  type SentEvent,
  type SessionsClient,
  type StoredEvent,
  sessionPath,
} from '@tidemark/sessions-client';

const attemptsMax = 50;
const pageMax = 1_000;
const beginning = '-1';

interface Page {
  readonly data: readonly StoredEvent[];
  readonly seqs: readonly number[];
  readonly next_page: string | null;
}

export class SessionFold<State> {
  readonly #client: SessionsClient;
  readonly #place: Place;
  readonly #begin: () => State;
  readonly #apply: (state: State, event: StoredEvent) => State;
  #state: State;
  #nextSeq = 0;
  #cursor = beginning;
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
        const isLate = isProblem(cause) && cause.status === 412;
        if (!isLate || attempt === attemptsMax) throw cause;
      }
    }
  }

  async #read(): Promise<{ readonly state: State; readonly nextSeq: number }> {
    while (!(await this.#isRead()));
    return { state: this.#state, nextSeq: this.#nextSeq };
  }

  /** False where the session of the cursor is over: another of its name may be there. */
  async #isRead(): Promise<boolean> {
    try {
      while (await this.#readPage());
      return true;
    } catch (cause) {
      if (!isAbsent(cause) && !isProblem(cause, 'invalid-offset')) throw cause;
      const isNone = this.#cursor === beginning;
      this.#state = this.#begin();
      this.#nextSeq = 0;
      this.#cursor = beginning;
      return isNone;
    }
  }

  /** Whether there is more. A cursor is of one session, and not of a name: a later one refuses it. */
  async #readPage(): Promise<boolean> {
    const query = { after: this.#cursor, order: 'asc', limit: pageMax, seqs: 'true' };
    const path = `${sessionPath(this.#place)}/events`;
    const { body, headers } = await this.#client.ask<Page>(path, { query });
    for (const event of body.data) this.#state = this.#apply(this.#state, event);
    this.#nextSeq = (body.seqs.at(-1) ?? this.#nextSeq - 1) + 1;
    this.#cursor = headers.get('stream-next-offset') ?? this.#cursor;
    return body.next_page !== null;
  }
}

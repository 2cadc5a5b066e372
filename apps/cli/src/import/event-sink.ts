// Where converted events go: to their session and its threads, a batch at a time, in order. Events that the
// server does not take are kept as records of no meaning, so that one of them holds up no other.

import { type AgentEvent, rolledBackType, threadIdOf } from '@tidemark/agent-formats';
import {
  type Batch,
  batchesOf,
  isProblem,
  type Place,
  type Problem,
  type SessionsClient,
} from '@tidemark/sessions-client';

export interface SinkThread {
  readonly key: string;
  readonly agent: string;
  /** The session's own records tell of it. */
  readonly isTold?: true;
}

export class EventSink {
  readonly #client: SessionsClient;
  readonly #session: string;
  /** Ids that the session has already; undefined: what it remembers is enough. */
  readonly #known = new Map<string, ReadonlySet<string>>();
  readonly #begun = new Set<string>();
  #appended = 0;

  constructor(client: SessionsClient, session: string) {
    this.#client = client;
    this.#session = session;
  }

  get appended(): number {
    return this.#appended;
  }

  /** A session remembers the ids of late events only: where all of it may come again, all are looked at. */
  async lookAtAll(thread: SinkThread | undefined): Promise<void> {
    const place = this.#placeOf(thread);
    const ids = new Set<string>();
    try {
      for await (const { id } of this.#client.events(place)) ids.add(id);
    } catch (cause) {
      if (!(isProblem(cause) && cause.status === 404)) throw cause;
    }
    this.#known.set(place.thread ?? '', ids);
  }

  async #begin(thread: SinkThread): Promise<void> {
    if (thread.isTold === true || this.#begun.has(thread.key)) return;
    this.#begun.add(thread.key);
    const id = threadIdOf(thread.key);
    const event = {
      id: `thread:${id}`,
      type: 'session.thread_created',
      session_thread_id: id,
      agent_name: thread.agent,
      source_key: thread.key,
    };
    await this.#send({ session: this.#session }, [event]);
  }

  async append(thread: SinkThread | undefined, events: readonly AgentEvent[]): Promise<void> {
    if (events.length === 0) return;
    if (thread !== undefined) await this.#begin(thread);
    await this.#send(this.#placeOf(thread), events);
    if (thread === undefined) await this.#keepLeft(events);
  }

  /** What was left behind is a fork: the session as it was then. */
  async #keepLeft(events: readonly AgentEvent[]): Promise<void> {
    for (const { id, type, left } of events) {
      if (type !== rolledBackType || typeof left !== 'string') continue;
      const session = this.#session;
      await this.#client.fork(session, { as: `${session}.${left}`, before: id });
    }
  }

  #placeOf(thread: SinkThread | undefined): Place {
    const session = this.#session;
    return thread === undefined ? { session } : { session, thread: threadIdOf(thread.key) };
  }

  async #send(place: Place, events: readonly AgentEvent[]): Promise<void> {
    const known = this.#known.get(place.thread ?? '');
    const wanted = known === undefined ? events : events.filter(({ id }) => !known.has(id));
    for (const batch of batchesOf(wanted)) await this.#sendBatch(place, batch);
  }

  async #sendBatch(place: Place, batch: Batch): Promise<void> {
    try {
      this.#appended += await this.#client.appendBatch(place, batch);
    } catch (cause) {
      const isRefused =
        isProblem(cause) && (cause.code === 'invalid-request' || cause.status === 413);
      if (!isRefused) throw cause;
      await this.#sendApart(place, batch, cause);
    }
  }

  async #sendApart(place: Place, { events }: Batch, cause: Problem): Promise<void> {
    const [one, ...others] = events;
    if (one === undefined) return;
    if (others.length === 0) {
      if (one.type === refusedType || cause.status === 413) throw cause;
      const { type, ...fields } = one;
      const kept = { ...fields, type: refusedType, refused_type: type, refused: cause.message };
      await this.#send(place, [kept as AgentEvent]);
      return;
    }
    const half = Math.ceil(events.length / 2);
    for (const part of [events.slice(0, half), events.slice(half)]) {
      await this.#send(place, part as readonly AgentEvent[]);
    }
  }
}

const refusedType = 'system.record.refused';

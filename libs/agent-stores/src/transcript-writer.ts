// Appends the entries of one transcript. Appends of one process go one after the other, in the order in which
// they were asked for.

import { randomUUID } from 'node:crypto';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import {
  type AgentEvent,
  claudeCode,
  digestOf,
  finishedUsage,
  RecordRestorer,
  rolledBackType,
} from '@tidemark/agent-formats';
import {
  isAbsent,
  type Place,
  type SessionsClient,
  type StoredEvent,
  sessionPath,
} from '@tidemark/sessions-client';

/** So many ids a session remembers at least, however old they are. */
const rememberedMin = 4_096;
/** Events of a turn's end, and some more. */
const readAgain = 64;

interface FailedAppend {
  readonly digest: string;
  readonly nonce: string;
}

export class TranscriptWriter {
  readonly #client: SessionsClient;
  readonly #place: Place;
  readonly #subpath: string | undefined;
  #state = claudeCode.begin();
  /** Ids that the server may have forgotten; undefined: not looked yet. */
  #known: Set<string> | undefined;
  #isBegun = false;
  #failed: FailedAppend | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(client: SessionsClient, place: Place, subpath: string | undefined) {
    this.#client = client;
    this.#place = place;
    this.#subpath = subpath;
  }

  append(entries: readonly SessionStoreEntry[]): Promise<void> {
    const next = this.#last.then(() => this.#append(entries));
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #append(entries: readonly SessionStoreEntry[]): Promise<void> {
    const digest = digestOf(JSON.stringify(entries), 32);
    const nonce = this.#failed?.digest === digest ? this.#failed.nonce : randomUUID();
    this.#failed = { digest, nonce };
    await this.#begin();
    this.#known ??= await this.#idsThere();
    const known = this.#known;
    const [state, converted] = this.#converted(entries, nonce);
    const events = await this.#withoutRepeatedBacks(converted);
    await this.#client.append(
      this.#place,
      events.filter(({ id }) => !known.has(id)),
    );
    await this.#keepLeft(events);
    for (const { id } of events) known.add(id);
    this.#state = state;
    this.#failed = undefined;
  }

  #converted(
    entries: readonly SessionStoreEntry[],
    nonce: string,
  ): [ReturnType<typeof claudeCode.begin>, AgentEvent[]] {
    let state = this.#state;
    const events: AgentEvent[] = [];
    for (const [index, value] of entries.entries()) {
      const converted = claudeCode.convert(state, { key: `${nonce}.${index}`, value });
      state = converted.state;
      for (const { event } of converted.events) events.push(event);
      const usage = finishedUsage(value);
      if (usage !== undefined) events.push(usage.event);
    }
    return [state, events];
  }

  /** An entry that comes again goes back to nothing, though it looks so to who has read the end alone. */
  async #withoutRepeatedBacks(events: readonly AgentEvent[]): Promise<readonly AgentEvent[]> {
    const repeated = new Set<string>();
    for (const { id, type, by_event_id: by } of events) {
      if (type !== rolledBackType) continue;
      const isRepeat = (await this.#isThere(String(by))) && !(await this.#isThere(id));
      if (isRepeat) repeated.add(id);
    }
    return repeated.size === 0 ? events : events.filter(({ id }) => !repeated.has(id));
  }

  async #isThere(id: string): Promise<boolean> {
    const path = `${sessionPath(this.#place)}/events/${encodeURIComponent(id)}`;
    return (await this.#client.find(path)) !== undefined;
  }

  /** What was left behind is a fork: the session as it was then. */
  async #keepLeft(events: readonly AgentEvent[]): Promise<void> {
    const { session, thread } = this.#place;
    for (const { id, type, left } of events) {
      if (type !== rolledBackType || typeof left !== 'string' || thread !== undefined) continue;
      await this.#client.fork(session, { as: `${session}.${left}`, before: id });
    }
  }

  async #begin(): Promise<void> {
    if (this.#isBegun) return;
    await (this.#place.thread === undefined ? this.#goOn() : this.#beginThread(this.#place.thread));
    this.#isBegun = true;
  }

  /** Another process may have written what stands there: from its end on a going back is known as one. */
  async #goOn(): Promise<void> {
    const restorer = new RecordRestorer();
    let state = claudeCode.begin();
    for await (const event of this.#eventsThere({ last: readAgain })) {
      const restored = restorer.take(event);
      if (restored === undefined) continue;
      state = claudeCode.convert(state, { key: event.id, value: restored.record }).state;
    }
    this.#state = { ...state, answer: undefined };
  }

  /** A sub-agent's thread is there before its first entry. */
  async #beginThread(thread: string): Promise<void> {
    const { session } = this.#place;
    const path = `${sessionPath({ session, thread })}/events`;
    const isThere = (await this.#client.find(path, { query: { limit: 1 } })) !== undefined;
    if (!isThere) {
      const event = {
        id: `thread:${thread}`,
        type: 'session.thread_created',
        session_thread_id: thread,
        agent_name: this.#subpath?.split('/').at(-1) ?? thread,
        source_key: this.#subpath,
      };
      await this.#client.append({ session }, [event]);
    }
  }

  /** All of them, where there are more than the server is sure to remember. */
  async #idsThere(): Promise<Set<string>> {
    const ids = new Set<string>();
    const path = `${sessionPath(this.#place)}/events`;
    try {
      const query = { from_seq: rememberedMin, limit: 1 };
      const { data } = await this.#client.json<{ readonly data: readonly unknown[] }>(path, {
        query,
      });
      if (data.length === 0) return ids;
    } catch (cause) {
      if (!isAbsent(cause)) throw cause;
    }
    for await (const { id } of this.#eventsThere()) ids.add(id);
    return ids;
  }

  /** None of a session that is not there. */
  async *#eventsThere(query: Readonly<Record<string, number>> = {}): AsyncGenerator<StoredEvent> {
    try {
      yield* this.#client.events(this.#place, query);
    } catch (cause) {
      if (!isAbsent(cause)) throw cause;
    }
  }
}

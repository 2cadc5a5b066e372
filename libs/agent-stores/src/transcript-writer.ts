// Appends the entries of one transcript. Appends of one process go one after the other, in the order in which
// they were asked for.

import { randomUUID } from 'node:crypto';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { type AgentEvent, claudeCode, digestOf, finishedUsage } from '@tidemark/agent-formats';
import {
  type Place,
  RequestProblem,
  type SessionsClient,
  sessionPath,
} from '@tidemark/sessions-client';

/** So many ids a session remembers at least, however old they are. */
const rememberedMin = 4_096;

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
    const [state, events] = this.#converted(entries, nonce);
    await this.#client.append(
      this.#place,
      events.filter(({ id }) => !known.has(id)),
    );
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

  /** A sub-agent's thread is there before its first entry. */
  async #begin(): Promise<void> {
    const { session, thread } = this.#place;
    if (this.#isBegun || thread === undefined) return;
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
    this.#isBegun = true;
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
      for await (const { id } of this.#client.events(this.#place)) ids.add(id);
    } catch (cause) {
      if (!(cause instanceof RequestProblem && (cause.status === 404 || cause.status === 410)))
        throw cause;
    }
    return ids;
  }
}

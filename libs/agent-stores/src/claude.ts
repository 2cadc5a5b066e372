// Transcripts of the Claude Agent SDK, mirrored into sessions: the main one is a session, a sub-agent's is a
// thread of it. Entries are events, so they are searched and shown as any other; each keeps what its entry
// was, and is given back as that.
//
// (1) An entry with a uuid is appended once: its event's id is made of it, and the server decides.
// (2) The server remembers the ids of late events only. Of a longer transcript the store reads all ids before
//     it appends for the first time, and what others append from then on is late.
// (3) An entry without a uuid is appended as often as it comes, but for the repeat of an append that failed:
//     that one has the ids that it had before.

import type {
  SessionKey,
  SessionStore,
  SessionStoreEntry,
  SessionSummaryEntry,
} from '@anthropic-ai/claude-agent-sdk';
import {
  claudeSessionName,
  digestOf,
  RecordRestorer,
  rolledBackType,
  threadIdOf,
} from '@tidemark/agent-formats';
import {
  type ClientOptions,
  isAbsent,
  type Place,
  SessionsClient,
  type StoredEvent,
  sessionPath,
  timeMsOf,
} from '@tidemark/sessions-client';
import { ClaudeSummaries } from './claude-summaries.ts';
import { TranscriptWriter } from './transcript-writer.ts';

export type TidemarkSessionStoreOptions = Pick<ClientOptions, 'baseUrl' | 'apiKey' | 'fetch'>;

type MainKey = Pick<SessionKey, 'projectKey' | 'sessionId'>;

const metadataCharsMax = 512;
const writersMax = 256;

/** A project’s key in metadata; one that is too long by its digest. */
const projectOf = (projectKey: string): string =>
  projectKey.length <= metadataCharsMax ? projectKey : digestOf(projectKey, 64);

export class TidemarkSessionStore implements SessionStore {
  readonly #client: SessionsClient;
  readonly #summaries: ClaudeSummaries;
  readonly #writers = new Map<string, TranscriptWriter>();
  /** Sessions that are there, with what is known of them. */
  readonly #made = new Set<string>();

  constructor(options: TidemarkSessionStoreOptions) {
    this.#client = new SessionsClient(options);
    this.#summaries = new ClaudeSummaries(this.#client);
  }

  async append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#ensure(key);
    await this.#writerOf(key).append(entries);
    if (key.subpath === undefined) await this.#summaries.fold(sessionOf(key), key, entries);
  }

  async load(key: SessionKey): Promise<SessionStoreEntry[] | null> {
    const restorer = new RecordRestorer();
    const entries: SessionStoreEntry[] = [];
    try {
      for await (const event of this.#client.events(placeOf(key))) {
        const restored = restorer.take(event);
        if (restored !== undefined) entries.push(restored.record as SessionStoreEntry);
      }
    } catch (cause) {
      if (isAbsent(cause)) return null;
      throw cause;
    }
    return entries.length === 0 ? null : entries;
  }

  async listSessions(projectKey: string): Promise<{ sessionId: string; mtime: number }[]> {
    const found: { sessionId: string; mtime: number }[] = [];
    for await (const { sessionId, mtime } of this.#listed(projectKey)) {
      found.push({ sessionId, mtime });
    }
    return found;
  }

  async listSessionSummaries(projectKey: string): Promise<SessionSummaryEntry[]> {
    const found: SessionSummaryEntry[] = [];
    for await (const { sessionId, mtime, name } of this.#listed(projectKey)) {
      const data = await this.#summaries.read(name);
      if (data !== undefined) found.push({ sessionId, mtime, data });
    }
    return found;
  }

  async delete(key: SessionKey): Promise<void> {
    const session = sessionOf(key);
    if (key.subpath === undefined) {
      for (const thread of (await this.#threads(session)).values()) {
        await this.#client.delete({ session, thread });
      }
      // A fork keeps what it was forked from.
      for (const fork of await this.#forks(session)) await this.#client.delete({ session: fork });
      for (const isMain of [true, false]) this.#made.delete(`${session} ${isMain}`);
    }
    await this.#client.delete(placeOf(key));
    for (const name of Array.from(this.#writers.keys())) {
      const isWhole = key.subpath === undefined && name.startsWith(`${session} `);
      if (isWhole || name === writerName(key)) this.#writers.delete(name);
    }
  }

  async listSubkeys(key: MainKey): Promise<string[]> {
    const session = sessionOf(key);
    const found: string[] = [];
    for (const [subpath, thread] of await this.#threads(session)) {
      const path = `${sessionPath({ session, thread })}/events`;
      const events = await this.#client.find<{ readonly data: readonly unknown[] }>(path, {
        query: { limit: 1 },
      });
      if (events !== undefined && events.data.length > 0) found.push(subpath);
    }
    return found;
  }

  /** Threads by the subpath that each was made for. */
  async #threads(session: string): Promise<Map<string, string>> {
    const threads = new Map<string, string>();
    for await (const event of this.#eventsOf(session, 'session.thread_created')) {
      const { source_key: subpath, session_thread_id: thread } = event;
      if (typeof subpath === 'string') threads.set(subpath, String(thread));
    }
    return threads;
  }

  /** Of what was left behind when somebody went back. */
  async #forks(session: string): Promise<string[]> {
    const forks: string[] = [];
    for await (const { left } of this.#eventsOf(session, rolledBackType)) {
      if (typeof left === 'string') forks.push(`${session}.${left}`);
    }
    return forks;
  }

  /** None of a session that is not there. */
  async *#eventsOf(session: string, type: string): AsyncGenerator<StoredEvent> {
    try {
      yield* this.#client.events({ session }, { 'types[]': [type] });
    } catch (cause) {
      if (!isAbsent(cause)) throw cause;
    }
  }

  async *#listed(
    projectKey: string,
  ): AsyncGenerator<{ sessionId: string; mtime: number; name: string }> {
    const query = {
      'metadata[claude_project]': projectOf(projectKey),
      'metadata[claude_main]': '1',
      include_archived: 'true',
      limit: 1_000,
    };
    for await (const session of this.#client.list('/v1/sessions', { query })) {
      const { source_session: id } = session['metadata'] as Readonly<Record<string, string>>;
      const mtime = timeMsOf(String(session['updated_at']));
      if (id !== undefined) yield { sessionId: id, mtime, name: String(session['id']) };
    }
  }

  /** A session is listed once it has a transcript of its own, not only those of sub-agents. */
  async #ensure(key: SessionKey): Promise<void> {
    const session = sessionOf(key);
    const isMain = key.subpath === undefined;
    if (this.#made.has(`${session} ${isMain}`)) return;
    const path = sessionPath({ session });
    const metadata = {
      source: 'claude-code',
      source_session: key.sessionId,
      claude_project: projectOf(key.projectKey),
      ...(isMain ? { claude_main: '1' } : {}),
    };
    const known = await this.#client.find<{ readonly metadata: Readonly<Record<string, string>> }>(
      path,
    );
    if (known === undefined) await this.#client.json(path, { method: 'PUT', body: { metadata } });
    else if (isMain && known.metadata['claude_main'] === undefined) {
      await this.#client.json(path, { method: 'POST', body: { metadata } });
    }
    this.#made.add(`${session} ${isMain}`);
  }

  #writerOf(key: SessionKey): TranscriptWriter {
    const name = writerName(key);
    const writer =
      this.#writers.get(name) ?? new TranscriptWriter(this.#client, placeOf(key), key.subpath);
    this.#writers.delete(name);
    this.#writers.set(name, writer);
    const [oldest] = this.#writers.keys();
    if (this.#writers.size > writersMax && oldest !== undefined) this.#writers.delete(oldest);
    return writer;
  }
}

const sessionOf = ({ projectKey, sessionId }: MainKey): string =>
  claudeSessionName(projectKey, sessionId);

const placeOf = (key: SessionKey): Place => {
  const session = sessionOf(key);
  return key.subpath === undefined ? { session } : { session, thread: threadIdOf(key.subpath) };
};

const writerName = (key: SessionKey): string => `${sessionOf(key)} ${key.subpath ?? ''}`;

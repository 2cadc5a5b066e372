// Summaries of the Claude Agent SDK, folded by its own function and kept as a durable fact of their session:
// of those who fold at once, each stands on what the other has put.

import type { SessionKey, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { isProblem, type SessionsClient, sessionPath } from '@tidemark/sessions-client';

type Data = Record<string, unknown>;

/** Python's SDK folds into other fields: each has a fact of its own. */
const factKey = 'claude.summary.ts';
const attemptsMax = 20;

export class ClaudeSummaries {
  readonly #client: SessionsClient;

  constructor(client: SessionsClient) {
    this.#client = client;
  }

  async read(session: string): Promise<Data | undefined> {
    return (await this.#fact(session))?.data;
  }

  async fold(session: string, key: SessionKey, entries: SessionStoreEntry[]): Promise<void> {
    const { foldSessionSummary } = await import('@anthropic-ai/claude-agent-sdk');
    for (let attempt = 1; ; attempt += 1) {
      const known = await this.#fact(session);
      const previous =
        known === undefined ? undefined : { sessionId: key.sessionId, mtime: 0, data: known.data };
      const { data } = foldSessionSummary(previous, key, entries, { mtime: 0 });
      if (await this.#put(session, data, known?.etag)) return;
      if (attempt === attemptsMax) throw new Error('others fold the same summary all the time');
    }
  }

  async #fact(session: string): Promise<{ data: Data; etag: string } | undefined> {
    try {
      const { body: data, headers } = await this.#client.ask<Data>(pathOf(session));
      return { data, etag: headers.get('etag') ?? '' };
    } catch (cause) {
      if (isProblem(cause) && cause.status === 404) return undefined;
      throw cause;
    }
  }

  async #put(session: string, data: Data, etag: string | undefined): Promise<boolean> {
    const headers: Record<string, string> =
      etag === undefined ? { 'if-none-match': '*' } : { 'if-match': etag };
    try {
      await this.#client.json(pathOf(session), { method: 'PUT', headers, body: data });
      return true;
    } catch (cause) {
      if (isProblem(cause) && cause.status === 412) return false;
      throw cause;
    }
  }
}

const pathOf = (session: string): string => `${sessionPath({ session })}/facts/${factKey}`;

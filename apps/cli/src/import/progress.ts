// How far a transcript has been imported: a durable fact of its session, so that any machine goes on from
// it. What was appended behind it and not noted is appended again, and known by its ids: at most so many
// events as a session remembers the ids of, whatever their age.

import { digestOf } from '@tidemark/agent-formats';
import { type SessionsClient, sessionPath } from '@tidemark/sessions-client';
import type { FileHead } from './line-file.ts';

export interface Progress {
  readonly bytes: number;
  readonly lines: number;
  readonly head: FileHead;
  /** Of the format. */
  readonly state: unknown;
}

/** Half of the ids that a session remembers at least. */
export const unnotedEventsMax = 2_048;

const keyCharsMax = 64;

function pathOf(session: string, key: string): string {
  const short = key.length > keyCharsMax ? digestOf(key, 32) : key;
  return `${sessionPath({ session })}/facts/${encodeURIComponent(`import.${short}`)}`;
}

export class ProgressNotes {
  readonly #client: SessionsClient;
  readonly #known = new Map<string, Progress>();

  constructor(client: SessionsClient) {
    this.#client = client;
  }

  async read(session: string, key: string): Promise<Progress | undefined> {
    const path = pathOf(session, key);
    const known = this.#known.get(path) ?? (await this.#client.find<Progress>(path));
    if (known !== undefined) this.#known.set(path, known);
    return known;
  }

  async write(session: string, key: string, progress: Progress): Promise<void> {
    const path = pathOf(session, key);
    await this.#client.json(path, { method: 'PUT', body: progress });
    this.#known.set(path, progress);
  }
}

// What a replica folds, told to everybody who stands on it: each record with its offset and verdict,
// own and read alike, and behind each step the sessions that it changed.

import type { DecidedRecord } from '@tidemark/session';
import type { FoldedSession } from './folded-session.ts';
import type { PublishedSessions } from './published.ts';

export interface FoldedRecord {
  readonly session: FoldedSession;
  /** What this process wrote comes in runs. */
  readonly record: DecidedRecord;
  /** Of the first of a run. */
  readonly offset: number;
  readonly isValid: boolean;
}

/** As a writer wrote it. */
export type WrittenRecord = Pick<FoldedRecord, 'session' | 'record'>;

export interface FeedListener {
  /** A record of ours was folded. */
  record?(folded: FoldedRecord): void;
  /** A step of the fold, a chunk or a batch, is over; these sessions are not what they were. */
  step?(changed: ReadonlySet<FoldedSession>): void;
  /** The replica begins, or begins anew, with what is published. */
  begun?(published: PublishedSessions): void;
  /** A session came into memory as it was published: what it owes, it may have owed for long. */
  loaded?(session: FoldedSession): void;
}

export class Feed {
  readonly #listeners = new Set<FeedListener>();

  /** Listens until the answer is called. */
  listen(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  record(folded: FoldedRecord): void {
    for (const listener of this.#listeners) listener.record?.(folded);
  }

  step(changed: ReadonlySet<FoldedSession>): void {
    for (const listener of this.#listeners) listener.step?.(changed);
  }

  begun(published: PublishedSessions): void {
    for (const listener of this.#listeners) listener.begun?.(published);
  }

  loaded(session: FoldedSession): void {
    for (const listener of this.#listeners) listener.loaded?.(session);
  }
}

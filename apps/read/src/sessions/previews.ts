// Previews of what is being written: told to those who follow when they are said, and kept nowhere. They
// come as records of the log, so that every process hears them in their place among the events.
//
// (1) Of one session only those hear of them who have asked.
// (2) A preview that its follower has not taken when the next events are there is dropped: what it
//     announces is told by the events.

import type { FoldedSession, Shards } from '@tidemark/replica';
import { textOf } from '@tidemark/std';

export interface Preview {
  /** The seq of the event that comes next. */
  readonly atSeq: number;
  readonly frames: readonly unknown[];
}

type Listener = (preview: Preview) => void;

export class Previews {
  readonly #listeners = new Map<FoldedSession, Set<Listener>>();

  constructor(shards: Shards) {
    shards.onOpened(({ feed }) => {
      feed.listen({
        record: ({ session, record, isValid }) => {
          if (record.kind !== 'preview' || !isValid) return;
          const listeners = this.#listeners.get(session);
          if (listeners !== undefined) tell(listeners, session, record.value);
        },
      });
    });
  }

  /** Listens until the answer is called; whoever listens holds the session. */
  listen(session: FoldedSession, listener: Listener): () => void {
    const listeners = this.#listeners.get(session) ?? new Set();
    this.#listeners.set(session, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(session);
    };
  }
}

function tell(listeners: Iterable<Listener>, { state }: FoldedSession, value: Uint8Array): void {
  const frames = framesIn(value);
  const preview = { atSeq: state.stream?.tailSeq ?? 0, frames };
  for (const listener of listeners) listener(preview);
}

/** A record's value is anybody's. */
function framesIn(value: Uint8Array): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(textOf(value));
    return Array.isArray(parsed) ? (parsed as readonly unknown[]) : [];
  } catch {
    return [];
  }
}

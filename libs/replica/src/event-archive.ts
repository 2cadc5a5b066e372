// The door to events that the log has let go.
//
// (1) What a run's offsets address is what was appended there, to the byte.
// (2) Nothing is trimmed from a log before it is archived, and nothing archived has a gap.

import { Problem } from '@tidemark/protocol';
import type { FoldedSession } from './folded-session.ts';
import type { ServedEvents } from './page.ts';
import type { LogName } from './published.ts';

/** Consecutive events of one session, and where each of them was in the log. */
export interface WantedRun {
  readonly log: LogName;
  readonly session: Pick<FoldedSession, 'key' | 'keyBytes' | 'state'>;
  readonly firstSeq: number;
  readonly offsets: readonly number[];
}

/**
 * So few events of a large run are fetched by themselves, for a page of it takes milliseconds: what is around the hit of
 * a search, and is asked for again.
 */
export const glanceEventsMax = 64;

/** Where events go that are read again. */
export interface EventSink {
  appendServed(events: ServedEvents): void;
}

export interface EventArchive {
  /**
   * Gives the run's first events, in order: all that are archived. What is given may be changed as soon as it was
   * taken. Rejects with a Problem: `unavailable` where they cannot be had now, `corrupt` where they are not what was
   * archived.
   */
  read(run: WantedRun, sink: EventSink, signal: AbortSignal): Promise<void>;
}

/** Of whoever has none: its log keeps everything. */
export const noArchive: EventArchive = {
  read: () => Promise.reject(new Problem('unavailable', 'the log has let the events go')),
};

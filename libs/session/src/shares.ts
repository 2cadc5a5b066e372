// What a client token shows of its session where it does not show all of it: events from one seq to another, or all
// of them without what they say.
//
// (1) A token with a share is kept without scopes: a process that knows of no shares opens nothing for it.
// (2) A share that its session cannot have opens nothing.
// (3) The stream that a share shows begins and ends with it, and is of its other aspects what it was when it was made.

import { noAspects } from './aspects.ts';
import { isShareEntry, type ShareEntry } from './client-tokens.ts';
import type { StreamState } from './state.ts';

export interface Share {
  readonly firstSeq: number;
  /** Exclusive. */
  readonly endSeq: number;
  readonly isRedacted: boolean;
}

/** Undefined where the session cannot have it: its events are counted where they are JSON, and a tail never goes back. */
export function shareOf(
  { isJson, tailSeq }: Pick<StreamState, 'isJson' | 'tailSeq'>,
  entry: ShareEntry,
): Share | undefined {
  if (!isJson || !isShareEntry(entry)) return undefined;
  const { firstSeq, lastSeq = Number.MAX_SAFE_INTEGER - 1, isRedacted } = entry;
  if (firstSeq > lastSeq || firstSeq > tailSeq) return undefined;
  return { firstSeq, endSeq: lastSeq + 1, isRedacted };
}

/** The stream as a share shows it. Positions of JSON are its seqs. */
export function sharedStream(stream: StreamState, { firstSeq, endSeq }: Share): StreamState {
  const { keeping } = stream.aspects;
  const tail = Math.min(stream.tailSeq, endSeq);
  const head = Math.min(Math.max(keeping.head.seq, firstSeq), tail);
  return {
    ...stream,
    tailSeq: tail,
    tailPosition: tail,
    bytes: 0,
    times: undefined,
    stateChangedAtMs: stream.createdAtMs,
    isClosed: false,
    aspects: {
      ...noAspects,
      keeping: { ...noAspects.keeping, head: { seq: head, position: head } },
    },
  };
}

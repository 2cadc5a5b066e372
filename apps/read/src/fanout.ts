// Server-sent events to many. The fold wakes a session's group once; the group builds each frame once,
// as one buffer, and hands it to every connection that stands where it begins. Whoever is elsewhere,
// or slow, reads for itself, one bounded piece at a time, and comes back.

import type { EventRange, FoldedSession } from '@tidemark/replica';
import { liveCursor } from './live-cursor.ts';
import type { LiveParts } from './long-poll.ts';
import { chunkOf, dataFrames } from './sse-frame.ts';
import type { StreamView } from './stream-view.ts';

export interface SharedFrame {
  readonly position: number;
  readonly endPosition: number;
  /** Whether the stream was closed when it was built: the frame then says so. */
  readonly isClosed: boolean;
  /** As one chunk of the chunked encoding, ready for any socket. */
  readonly chunk: Buffer;
}

export interface Follower {
  /** The session has moved, or ended. */
  wake(): void;
  /** The process stops: the client goes on elsewhere. */
  end(): void;
}

/** What one frame holds at most: a slow socket is never owed more than this. */
const frameBytesMax = 256 * 1_024;

class Group {
  readonly followers = new Set<Follower>();
  readonly release: () => void;
  frame: SharedFrame | undefined;

  constructor(release: () => void) {
    this.release = release;
  }
}

export class Fanout {
  readonly #parts: LiveParts;
  readonly #groups = new Map<FoldedSession, Group>();
  readonly #woken = new Set<Group>();
  #isScheduled = false;

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  /** Follows until the answer is called. */
  join(view: StreamView, follower: Follower): () => void {
    const { session } = view;
    const group = this.#groups.get(session) ?? this.#open(view);
    group.followers.add(follower);
    return () => {
      group.followers.delete(follower);
      if (group.followers.size > 0) return;
      group.release();
      if (this.#groups.get(session) === group) this.#groups.delete(session);
    };
  }

  #open({ session, located }: StreamView): Group {
    const { replica } = located;
    const unfollow = replica.follow(session, () => this.#wake(group));
    const unretain = replica.retain();
    const group: Group = new Group(() => {
      unfollow();
      unretain();
    });
    this.#groups.set(session, group);
    return group;
  }

  /** Behind the acknowledgements of this turn, and once for all that was folded in it. */
  #wake(group: Group): void {
    this.#woken.add(group);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const groups = [...this.#woken];
      this.#woken.clear();
      for (const { followers } of groups) {
        for (const follower of followers) follower.wake();
      }
    });
  }

  /** The frame that begins at a position, where its bodies are hot. */
  frameAt(view: StreamView, position: number): SharedFrame | undefined {
    const { stream, session } = view;
    const group = this.#groups.get(session);
    if (stream === undefined || group === undefined) return undefined;
    const known = group.frame;
    const isFresh =
      known?.position === position &&
      known.endPosition === stream.tailPosition &&
      known.isClosed === stream.isClosed;
    return isFresh ? known : this.#build(view, group, position);
  }

  #build(view: StreamView, group: Group, position: number): SharedFrame | undefined {
    const bounds = { position, bytesMax: frameBytesMax, eventsMax: Number.MAX_SAFE_INTEGER };
    const range = this.#parts.shards.reader.readHot(view.session, bounds);
    if (range === undefined || range.endPosition === position) return undefined;
    const frame = {
      position,
      endPosition: range.endPosition,
      isClosed: view.present.isClosed,
      chunk: chunkOf(this.frameOf(view, range)),
    };
    group.frame = frame;
    return frame;
  }

  frameOf(view: StreamView, range: EventRange, seenCursor?: string): Buffer {
    const stream = view.present;
    const { nowMs, random } = this.#parts;
    return dataFrames(stream, range, {
      cursor: liveCursor(nowMs(), random(), seenCursor),
      upToDate: range.endPosition === stream.tailPosition,
    });
  }

  close(): void {
    for (const { followers } of this.#groups.values()) {
      for (const follower of followers) follower.end();
    }
  }

  get frameBytesMax(): number {
    return frameBytesMax;
  }
}

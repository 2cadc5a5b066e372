// Server-sent events: one follower's connection, in whatever voice it is told.
//
// (1) One frame at most is on its way: what follows waits until the reader has taken it.
// (2) Nothing is written inside of a frame but the rest of it. A connection whose time is over ends
//     behind its frame, so that whoever reads slowly gets on; one whose stream has gone ends at once.
// (3) It ends once: with its stream, its client, its time, or the process. Then it holds nothing.
// (4) What is told beside the events is told where its follower stands when it was said, or not at all.

import type { OutgoingHttpHeaders } from 'node:http';
import { type EdgeReply, LiveAnswer, type LiveGrant, problemOf } from '@tidemark/edge';
import type { TimerWheel } from '@tidemark/platform';
import { limits, type Problem } from '@tidemark/protocol';
import type { FollowCursor, Followers } from '@tidemark/replica';
import type { GoLive } from './live-grant.ts';
import { keepAlive } from './long-poll.ts';
import type { ReadyFrame } from './shared-frames.ts';
import type { StreamView } from './stream-view.ts';

const nothing = (): void => undefined;

/** How the frames of a follower sound. */
export interface SseVoice {
  readonly headers: OutgoingHttpHeaders;
  /** After which it is to come again; undefined where it may stay. */
  readonly lifetimeMs: number | undefined;
  readonly heartbeat: Buffer;
  /** Told first; nothing where something waits to be told at once. */
  opening(cursor: FollowCursor): Uint8Array | undefined;
  /** The frame where the cursor stands; undefined where its bodies have to be fetched. */
  hot(cursor: FollowCursor): ReadyFrame | undefined;
  fetch(cursor: FollowCursor): Promise<ReadyFrame | undefined>;
  /** Told last; `isToldFinal`: the last frame has said that nothing follows. */
  ending(
    cursor: FollowCursor,
    at: { readonly standing: 'closed' | 'gone'; readonly isToldFinal: boolean },
  ): Uint8Array | undefined;
  failure(problem: Problem): Uint8Array;
  /** What is told beside the events where the cursor stands. */
  aside?(cursor: FollowCursor): Uint8Array | undefined;
  /** The connection is over: nothing of it is kept. */
  end?(): void;
}

export interface SseConnectionParts {
  readonly wheel: TimerWheel;
  readonly followers: Followers;
}

export class SseConnection {
  readonly #wheel: TimerWheel;
  readonly #voice: SseVoice;
  readonly #cursor: FollowCursor;
  readonly #answer: LiveAnswer;
  readonly #grant: LiveGrant;
  #cancelHeartbeat = nothing;
  #cancelRenewal = nothing;
  #cancelLifetime = nothing;
  /** What was fetched, until the reader takes it. */
  #fetched: ReadyFrame | undefined;
  /** What is left of a frame. */
  #slices: Iterator<readonly Uint8Array[]> | undefined;
  #isFetching = false;
  /** The last frame said that nothing follows. */
  #isFinal = false;
  #isTimeOver = false;
  #isOver = false;

  constructor(
    parts: SseConnectionParts,
    view: StreamView,
    {
      reply,
      position,
      voice,
      goLive,
    }: {
      readonly reply: EdgeReply;
      readonly position: number;
      readonly voice: SseVoice;
      readonly goLive: GoLive;
    },
  ) {
    // Throws where there are too many: nothing is held yet.
    this.#grant = goLive(() => this.look());
    this.#wheel = parts.wheel;
    this.#voice = voice;
    this.#cursor = parts.followers.follow(view.placeAt(position), () => this.look());
    this.#answer = new LiveAnswer(reply, voice.headers, {
      wheel: parts.wheel,
      onDrain: () => this.look(),
      onClose: () => this.#end(),
    });
    if (this.#answer.isClosed) this.#end();
    else this.#begin(keepAlive(parts.wheel, view));
  }

  #begin(cancelRenewal: () => void): void {
    this.#cancelRenewal = cancelRenewal;
    const { lifetimeMs } = this.#voice;
    if (lifetimeMs !== undefined) {
      this.#cancelLifetime = this.#wheel.after(lifetimeMs, () => this.#timeIsOver());
    }
    this.#beat();
    const opening = this.#voice.opening(this.#cursor);
    if (opening !== undefined) this.#answer.write([opening]);
    this.look();
  }

  /** Does what there is to do. */
  look(): void {
    while (!this.#isOver && this.#goOn());
  }

  /** Takes a step; whether there may be another at once. */
  #goOn(): boolean {
    const { standing, stream } = this.#cursor;
    if (!this.#grant.holds(stream)) return this.#end();
    if (standing === 'gone') return this.#isGone();
    if (standing === 'stopped') return this.#end();
    if (this.#answer.isFull || this.#isFetching) return false;
    if (this.#slices !== undefined) return this.#writeSlice(this.#slices);
    if (this.#isTimeOver) return this.#end();
    const aside = this.#voice.aside?.(this.#cursor);
    if (aside !== undefined) {
      this.#answer.write([aside]);
      return true;
    }
    if (standing === 'ready') return this.#writeNext();
    if (standing === 'closed') return this.#writeEnd(standing);
    return false;
  }

  #isGone(): false {
    const canTell = !this.#answer.isFull && this.#slices === undefined;
    return canTell ? this.#writeEnd('gone') : this.#end();
  }

  #writeNext(): boolean {
    const frame = this.#fetched ?? this.#voice.hot(this.#cursor);
    this.#fetched = undefined;
    if (frame !== undefined) return this.#write(frame);
    void this.#fetch();
    return false;
  }

  async #fetch(): Promise<void> {
    this.#isFetching = true;
    try {
      this.#fetched = await this.#voice.fetch(this.#cursor);
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#isFetching = false;
    }
    this.look();
  }

  #write(frame: ReadyFrame): boolean {
    const { encoded } = frame;
    this.#cursor.take(frame);
    this.#isFinal = frame.isFinal;
    if (encoded.kind === 'whole') {
      this.#answer.writeChunk(encoded.chunk);
      // At the tail of what is open there is nothing to do before it moves.
      return frame.isFinal || !frame.isUpToDate || this.#voice.aside !== undefined;
    }
    this.#slices = encoded.slices;
    this.#answer.keep(encoded.kept);
    return true;
  }

  #writeSlice(slices: Iterator<readonly Uint8Array[]>): boolean {
    const next = slices.next();
    if (next.done !== true) this.#answer.write(next.value);
    else {
      this.#slices = undefined;
      this.#answer.letGo();
    }
    return true;
  }

  /** Behind everything that was sent. */
  #writeEnd(standing: 'closed' | 'gone'): false {
    const ending = this.#voice.ending(this.#cursor, { standing, isToldFinal: this.#isFinal });
    if (ending !== undefined) this.#answer.write([ending]);
    return this.#end();
  }

  #fail(cause: unknown): void {
    const failure = this.#voice.failure(problemOf(cause, limits.bodyBytesMax));
    if (!this.#answer.isFull) this.#answer.write([failure]);
    this.#end();
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#wheel.after(limits.heartbeatMs - 1_000, () => {
      // Also where a frame was sent meanwhile: leaving one out would leave twice the time silent.
      if (!this.#answer.isFull && this.#slices === undefined) {
        this.#answer.writeChunk(this.#voice.heartbeat);
      }
      this.#beat();
      // A key or a token may have ended by its time alone.
      this.look();
    });
  }

  #timeIsOver(): void {
    this.#isTimeOver = true;
    if (this.#slices === undefined) this.#end();
  }

  #end(): false {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#slices = undefined;
    this.#fetched = undefined;
    this.#cursor.end();
    this.#grant.end();
    this.#voice.end?.();
    this.#cancelHeartbeat();
    this.#cancelRenewal();
    this.#cancelLifetime();
    this.#answer.end();
    return false;
  }
}

export const sseHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  connection: 'keep-alive',
  'x-accel-buffering': 'no',
} as const;

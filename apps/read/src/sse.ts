// Server-sent events: one follower's connection.
//
// (1) One frame at most is on its way: what follows waits until the reader has taken it.
// (2) Nothing is written inside of a frame but the rest of it. A connection whose time is over ends
//     behind its frame, so that whoever reads slowly gets on; one whose stream has gone ends at once.
// (3) It ends once: with its stream, its client, its time, or the process. Then it holds nothing.

import { chunkOf, LiveAnswer, problemBody, problemOf } from '@tidemark/edge';
import type { TimerWheel } from '@tidemark/platform';
import { isTextual, limits } from '@tidemark/protocol';
import type { FollowCursor } from '@tidemark/replica';
import type { Answer } from './catch-up.ts';
import { keepAlive, type LiveParts } from './long-poll.ts';
import type { ReadRequest } from './read-request.ts';
import { controlFrame } from './sse-frame.ts';
import type { ReadyFrame, SseFrames } from './sse-frames.ts';
import type { StreamView } from './stream-view.ts';

const heartbeat = chunkOf(Buffer.from(': \n\n'));

const nothing = (): void => undefined;

export interface SseParts extends LiveParts {
  readonly frames: SseFrames;
}

class SseConnection {
  readonly #wheel: TimerWheel;
  readonly #frames: SseFrames;
  readonly #seenCursor: string | undefined;
  readonly #cursor: FollowCursor;
  readonly #answer: LiveAnswer;
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
    parts: SseParts,
    view: StreamView,
    at: { readonly answer: Answer; readonly position: number; readonly read: ReadRequest },
  ) {
    this.#wheel = parts.wheel;
    this.#frames = parts.frames;
    this.#seenCursor = at.read.cursor;
    this.#cursor = parts.followers.follow(view.placeAt(at.position), () => this.#go());
    this.#answer = new LiveAnswer(at.answer.reply, headersOf(view.present.contentType), {
      wheel: parts.wheel,
      onDrain: () => this.#go(),
      onClose: () => this.#end(),
    });
    if (this.#answer.isClosed) this.#end();
    else this.#begin(keepAlive(parts.wheel, view));
  }

  #begin(cancelRenewal: () => void): void {
    this.#cancelRenewal = cancelRenewal;
    this.#cancelLifetime = this.#wheel.after(limits.sseLifetimeMs, () => this.#timeIsOver());
    this.#beat();
    if (this.#cursor.standing === 'tail') this.#writeControl();
    this.#go();
  }

  #go(): void {
    while (!this.#isOver && this.#goOn());
  }

  /** Takes a step; whether there may be another at once. */
  #goOn(): boolean {
    const { standing } = this.#cursor;
    if (standing === 'gone' || standing === 'stopped') return this.#end();
    if (this.#answer.isFull || this.#isFetching) return false;
    if (this.#slices !== undefined) return this.#writeSlice(this.#slices);
    if (this.#isTimeOver) return this.#end();
    if (standing === 'ready') return this.#writeNext();
    if (standing === 'closed') return this.#writeEnd();
    return false;
  }

  #writeNext(): boolean {
    const frame = this.#fetched ?? this.#frames.hot(this.#cursor, this.#seenCursor);
    this.#fetched = undefined;
    if (frame !== undefined) return this.#write(frame);
    void this.#fetch();
    return false;
  }

  async #fetch(): Promise<void> {
    this.#isFetching = true;
    try {
      this.#fetched = await this.#frames.fetch(this.#cursor, this.#seenCursor);
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#isFetching = false;
    }
    this.#go();
  }

  #write(frame: ReadyFrame): boolean {
    const { encoded } = frame;
    this.#cursor.take(frame);
    this.#isFinal = frame.isFinal;
    if (encoded.kind === 'whole') {
      this.#answer.writeChunk(encoded.chunk);
      // At the tail of what is open there is nothing to do before it moves.
      return frame.isFinal || !frame.isUpToDate;
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

  /** Closed after everything was sent. */
  #writeEnd(): false {
    if (!this.#isFinal) this.#writeControl();
    return this.#end();
  }

  #writeControl(): void {
    const { stream, position } = this.#cursor;
    if (stream === undefined) return;
    const cursor = this.#frames.liveCursor(this.#seenCursor);
    this.#answer.write([controlFrame(stream, position, { cursor, upToDate: true })]);
  }

  #fail(cause: unknown): void {
    const problem = problemOf(cause, limits.bodyBytesMax);
    const body = JSON.stringify(problemBody(problem, ''));
    if (!this.#answer.isFull) this.#answer.write([Buffer.from(`event: error\ndata: ${body}\n\n`)]);
    this.#end();
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#wheel.after(limits.heartbeatMs - 1_000, () => {
      // Also where a frame was sent meanwhile: leaving one out would leave twice the time silent.
      if (!this.#answer.isFull && this.#slices === undefined) this.#answer.writeChunk(heartbeat);
      this.#beat();
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
    this.#cancelHeartbeat();
    this.#cancelRenewal();
    this.#cancelLifetime();
    this.#answer.end();
    return false;
  }
}

const headersOf = (contentType: string): Record<string, string> => ({
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  connection: 'keep-alive',
  'x-accel-buffering': 'no',
  ...(isTextual(contentType) ? undefined : { 'stream-sse-data-encoding': 'base64' }),
});

export async function serveEvents(
  parts: SseParts,
  view: StreamView,
  { read, answer }: { readonly read: ReadRequest; readonly answer: Answer },
): Promise<void> {
  const position = await view.positionOf(read.start);
  new SseConnection(parts, view, { answer, position, read });
}

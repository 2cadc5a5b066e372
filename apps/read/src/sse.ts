import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { commonHeaders, leaveStalled, problemBody, problemOf } from '@tidemark/edge';
import { isTextual, limits } from '@tidemark/protocol';
import type { Answer } from './catch-up.ts';
import type { Fanout, Follower } from './fanout.ts';
import { liveCursor } from './live-cursor.ts';
import { keepAlive, type LiveParts } from './long-poll.ts';
import type { ReadRequest } from './read-request.ts';
import { bytesOfChunk, chunkOf, controlFrame } from './sse-frame.ts';
import type { StreamView } from './stream-view.ts';

const heartbeat = chunkOf(Buffer.from(': \n\n'));

/** One follower's connection: a position, and at most one piece on its way to the socket. */
class SseConnection implements Follower {
  readonly #parts: LiveParts;
  readonly #fanout: Fanout;
  readonly #view: StreamView;
  readonly #raw: ServerResponse;
  readonly #socket: Socket | null;
  readonly #onDrain = (): void => this.wake();
  readonly #seenCursor: string | undefined;
  #position: number;
  #isBusy = false;
  #isOver = false;
  #leave: () => void = () => undefined;
  #cancelHeartbeat: () => void = () => undefined;
  #cancelRenewal: () => void = () => undefined;
  #cancelLifetime: () => void = () => undefined;

  constructor(
    parts: LiveParts & { readonly fanout: Fanout },
    view: StreamView,
    at: {
      readonly raw: ServerResponse;
      readonly position: number;
      readonly seenCursor: string | undefined;
    },
  ) {
    this.#parts = parts;
    this.#fanout = parts.fanout;
    this.#view = view;
    this.#raw = at.raw;
    this.#socket = at.raw.socket;
    this.#position = at.position;
    this.#seenCursor = at.seenCursor;
  }

  start(): void {
    const { wheel } = this.#parts;
    this.#raw.once('close', () => this.end());
    this.#socket?.on('drain', this.#onDrain);
    this.#leave = this.#fanout.join(this.#view, this);
    this.#cancelRenewal = keepAlive(wheel, this.#view);
    this.#cancelLifetime = wheel.after(limits.sseLifetimeMs, () => this.end());
    this.#beat();
    if (this.#view.present.tailPosition === this.#position) this.#writeControl();
    this.wake();
  }

  wake(): void {
    if (this.#isBusy || this.#isOver || this.#isFull()) return;
    const { stream } = this.#view;
    if (stream === undefined || this.#view.located.replica.stopped !== undefined) {
      return this.end();
    }
    if (this.#position < stream.tailPosition) {
      const frame =
        this.#seenCursor === undefined
          ? this.#fanout.frameAt(this.#view, this.#position)
          : undefined;
      if (frame === undefined) {
        void this.#readOn();
        return;
      }
      this.#writeShared(frame.chunk);
      this.#position = frame.endPosition;
      if (this.#position < stream.tailPosition) return this.wake();
    } else if (stream.isClosed) {
      // Closed after everything was sent.
      this.#writeControl();
    }
    if (stream.isClosed && this.#position === stream.tailPosition) this.end();
  }

  /** What is not hot, or not this session's own, is fetched: one piece, then the socket decides. */
  async #readOn(): Promise<void> {
    this.#isBusy = true;
    try {
      const bounds = {
        position: this.#position,
        bytesMax: this.#fanout.frameBytesMax,
        eventsMax: Number.MAX_SAFE_INTEGER,
      };
      const range = await this.#parts.shards.reader.read(this.#view.source, bounds);
      if (this.#isOver || this.#view.stream === undefined) return;
      this.#write(this.#fanout.frameOf(this.#view, range, this.#seenCursor));
      this.#position = range.endPosition;
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#isBusy = false;
    }
    this.#endWhereClosed();
    this.wake();
  }

  #endWhereClosed(): void {
    const { stream } = this.#view;
    if (stream?.isClosed === true && this.#position === stream.tailPosition) this.end();
  }

  #fail(cause: unknown): void {
    const problem = problemOf(cause, limits.bodyBytesMax);
    const body = JSON.stringify(problemBody(problem, ''));
    this.#write(Buffer.from(`event: error\ndata: ${body}\n\n`));
    this.end();
  }

  #writeControl(): void {
    const { nowMs, random } = this.#parts;
    const cursor = liveCursor(nowMs(), random(), this.#seenCursor);
    this.#write(controlFrame(this.#view.present, this.#position, { cursor, upToDate: true }));
    this.#endWhereClosed();
  }

  /** The socket owes the client something: what follows waits until that is taken. */
  #isFull(): boolean {
    return this.#socket?.writableNeedDrain ?? true;
  }

  #write(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#raw.write(bytes);
  }

  /** One write for what a response would write in three pieces; HTTP/1.0 has no chunks. */
  #writeShared(chunk: Buffer): void {
    if (this.#raw.chunkedEncoding && this.#socket !== null) this.#socket.write(chunk);
    else this.#write(bytesOfChunk(chunk));
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#parts.wheel.after(limits.heartbeatMs - 1_000, () => {
      // Also where a frame was sent meanwhile: leaving one out would leave twice the time silent.
      if (!this.#isFull()) this.#writeShared(heartbeat);
      this.#beat();
    });
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leave();
    this.#socket?.off('drain', this.#onDrain);
    this.#cancelHeartbeat();
    this.#cancelRenewal();
    this.#cancelLifetime();
    this.#raw.end();
    leaveStalled(this.#raw);
  }
}

export async function serveEvents(
  parts: LiveParts & { readonly fanout: Fanout },
  view: StreamView,
  { read, answer }: { readonly read: ReadRequest; readonly answer: Answer },
): Promise<void> {
  const position = await view.positionOf(read.start);
  const { contentType } = view.present;
  answer.reply.hijack();
  const { raw } = answer.reply;
  raw.writeHead(200, {
    ...commonHeaders,
    'request-id': answer.request.id,
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    connection: 'keep-alive',
    'x-accel-buffering': 'no',
    ...(isTextual(contentType) ? undefined : { 'stream-sse-data-encoding': 'base64' }),
  });
  raw.flushHeaders();
  const seenCursor = read.cursor;
  new SseConnection(parts, view, { raw, position, seenCursor }).start();
}

// An answer that goes on for as long as there is something to tell, and no faster than its reader.
//
// (1) While it is full, nothing is written: `onDrain` tells when it is not. So one write at most waits for
//     the reader, beside what fits into the socket's own buffer, 64 KiB.
// (2) What a full answer holds counts into what readers are owed. Without room for it the connection ends.
// (3) A reader that takes nothing for 30 s is left, also once the answer has ended.
// (4) `onClose` is called once, with the connection or behind the end of the answer; nothing is held then.

import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TimerWheel } from '@tidemark/platform';
import { assert } from '@tidemark/std';
import type { FastifyReply } from 'fastify';
import { stalledReaderMs } from './admission.ts';
import { bytesOfChunk, chunkPieces } from './chunk.ts';
import { admissionOf, commonHeaders } from './raw-answer.ts';

/** How often it is looked at within that time whether anything was taken. */
const looks = 6;

export interface LiveAnswerParts {
  readonly wheel: TimerWheel;
  readonly onDrain: () => void;
  readonly onClose: () => void;
}

const nothing = (): void => undefined;

export class LiveAnswer {
  readonly #parts: LiveAnswerParts;
  readonly #raw: ServerResponse;
  readonly #socket: Socket | null;
  readonly #lend: (pieces: readonly Uint8Array[]) => (() => void) | undefined;
  readonly #onDrain: () => void;
  #isClosed = false;
  /** Gives back what the write that waits is counted as. */
  #giveBack = nothing;
  #letGo = nothing;
  #cancelLook: (() => void) | undefined;

  constructor(reply: FastifyReply, headers: OutgoingHttpHeaders, parts: LiveAnswerParts) {
    const { raw, request, server } = reply;
    const admission = admissionOf(server);
    reply.hijack();
    this.#parts = parts;
    this.#raw = raw;
    this.#socket = raw.socket;
    this.#lend = (pieces) => admission.lend(raw, pieces);
    this.#onDrain = () => this.#drained();
    raw.writeHead(200, { ...commonHeaders, 'request-id': request.id, ...headers });
    raw.flushHeaders();
    raw.once('close', () => this.#close());
    this.#socket?.on('drain', this.#onDrain);
    // A connection may end while its request is looked at.
    this.#isClosed = raw.destroyed || this.#socket === null;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The socket owes the client something: what follows waits until that is taken. */
  get isFull(): boolean {
    return this.#socket?.writableNeedDrain ?? true;
  }

  /** What goes to many, as `chunkOf` made it: one write for what a response would write in three. */
  writeChunk(chunk: Buffer): void {
    const socket = this.#writable();
    if (socket === undefined) return;
    socket.write(this.#raw.chunkedEncoding ? chunk : bytesOfChunk(chunk));
    if (socket.writableLength > 0) this.#waits(socket, [chunk]);
  }

  /** Pieces as they lie in memory. HTTP/1.0 has no chunks. */
  write(pieces: readonly Uint8Array[]): void {
    const socket = this.#writable();
    if (socket === undefined) return;
    socket.cork();
    for (const piece of this.#raw.chunkedEncoding ? chunkPieces(pieces) : pieces) {
      socket.write(piece);
    }
    socket.uncork();
    if (socket.writableLength > 0) this.#waits(socket, pieces);
  }

  #writable(): Socket | undefined {
    if (this.#isClosed || this.#socket === null) return undefined;
    assert(!this.#socket.writableNeedDrain, 'nothing is written to a full answer');
    return this.#socket;
  }

  /** The system took less than was written. */
  #waits({ writableNeedDrain }: Socket, pieces: readonly Uint8Array[]): void {
    this.#look(this.#taken, 1);
    if (!writableNeedDrain) return;
    const giveBack = this.#lend(pieces);
    if (giveBack === undefined) this.#leave();
    else this.#giveBack = giveBack;
  }

  /** Memory that is written from piece by piece, until it is let go. Without room the connection ends. */
  keep(pieces: readonly Uint8Array[]): void {
    const letGo = this.#lend(pieces);
    if (letGo === undefined) this.#leave();
    else this.#letGo = letGo;
  }

  letGo(): void {
    this.#letGo();
    this.#letGo = nothing;
  }

  #drained(): void {
    this.#giveBack();
    this.#giveBack = nothing;
    this.#parts.onDrain();
  }

  /** Bytes that the system took. */
  get #taken(): number {
    const { bytesWritten = 0, writableLength = 0 } = this.#socket ?? {};
    return bytesWritten - writableLength;
  }

  #look(taken: number, look: number): void {
    this.#cancelLook ??= this.#parts.wheel.after(stalledReaderMs / looks, () => {
      this.#cancelLook = undefined;
      if (this.#isClosed || this.#socket?.writableLength === 0) return;
      if (this.#taken !== taken) this.#look(this.#taken, 1);
      else if (look < looks) this.#look(taken, look + 1);
      else this.#leave();
    });
  }

  /** Where it cannot go on: whoever reads sees that it was cut off, not that it ended. */
  abort(): void {
    this.#leave();
  }

  /** Whoever takes nothing, or for whom there is no room. */
  #leave(): void {
    this.#raw.destroy();
    this.#close();
  }

  /** What is written already is still sent. */
  end(): void {
    this.letGo();
    if (!this.#isClosed) this.#raw.end();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket?.off('drain', this.#onDrain);
    this.#cancelLook?.();
    this.#giveBack();
    this.letGo();
    this.#parts.onClose();
  }
}

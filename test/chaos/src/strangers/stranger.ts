import { connect, type Socket } from 'node:net';
import type { Kind } from './kinds.ts';

const beatMs = 100;

/** One peer without a key, that comes back whenever its connection ends. */
export class Stranger {
  readonly #to: { readonly host: string; readonly port: number };
  readonly #kind: Kind;
  #socket: Socket | undefined;
  #beat: NodeJS.Timeout | undefined;
  #isOver = false;
  /** How often it has come. */
  connections = 0;

  constructor(to: { readonly host: string; readonly port: number }, kind: Kind) {
    this.#to = to;
    this.#kind = kind;
  }

  come(): void {
    if (this.#isOver) return;
    this.connections += 1;
    const { first, next, isDeaf, resets } = this.#kind;
    const socket = connect(this.#to);
    this.#socket = socket;
    socket.on('error', () => undefined);
    if (isDeaf === true) socket.pause();
    else socket.resume();
    socket.once('connect', () => {
      socket.write(first());
      this.#beat = setInterval(() => {
        if (resets === true) socket.resetAndDestroy();
        else if (next !== undefined && !socket.writableNeedDrain) socket.write(next());
      }, beatMs);
    });
    socket.once('close', () => {
      clearInterval(this.#beat);
      setTimeout(() => this.come(), beatMs);
    });
  }

  leave(): void {
    this.#isOver = true;
    clearInterval(this.#beat);
    this.#socket?.destroy();
  }
}

// One HTTP/1.1 connection with one request on its way, at the price of a search for the head's end.

import { connect, type Socket } from 'node:net';

export interface LoadAnswer {
  readonly status: number;
  readonly hasRetryAfter: boolean;
  readonly ms: number;
}

interface Listener {
  readonly onReady: (connection: Connection) => void;
  readonly onAnswer: (connection: Connection, answer: LoadAnswer) => void;
  readonly onEnd: () => void;
}

export class Connection {
  readonly #socket: Socket;
  readonly #listener: Listener;
  #text = '';
  #sentMs = 0;

  constructor(to: { readonly host: string; readonly port: number }, listener: Listener) {
    this.#listener = listener;
    this.#socket = connect(to.port, to.host);
    this.#socket.setNoDelay(true);
    this.#socket.on('connect', () => listener.onReady(this));
    this.#socket.on('data', (piece) => this.#receive(piece));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => listener.onEnd());
  }

  get isOpen(): boolean {
    return this.#socket.writable;
  }

  send(request: Uint8Array): void {
    this.#sentMs = performance.now();
    this.#socket.write(request);
  }

  #receive(piece: Buffer): void {
    this.#text += piece.toString('latin1');
    const headEnd = this.#text.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const head = this.#text.slice(0, headEnd + 2).toLowerCase();
    const bodyBytes = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
    if (this.#text.length < headEnd + 4 + bodyBytes) return;
    this.#text = '';
    const status = Number(head.slice(9, 12));
    const hasRetryAfter = head.includes('\r\nretry-after: ');
    const ms = performance.now() - this.#sentMs;
    if (head.includes('\r\nconnection: close')) this.#socket.destroy();
    this.#listener.onAnswer(this, { status, hasRetryAfter, ms });
  }

  close(): void {
    this.#socket.destroy();
  }
}

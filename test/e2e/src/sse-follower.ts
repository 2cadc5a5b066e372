// A follower that reads when it is told to, and goes on where it was.

import { type ClientRequest, get, type IncomingMessage } from 'node:http';

export interface SseFollowerOptions {
  readonly url: string;
  readonly path: string;
  readonly offset?: string;
  /** Each frame's JSON data, as it comes. */
  readonly onData?: (data: string) => void;
}

/** Connects, and again from its last offset whenever the server ends a connection. */
export class SseFollower implements Disposable {
  /** When comments came, and frames, by this process's clock. */
  readonly heardAtMs: number[] = [];
  readonly #options: SseFollowerOptions;
  #offset: string;
  #request: ClientRequest;
  #response: IncomingMessage | undefined;
  #rest = '';
  #isPaused = false;
  #isClosed = false;
  connections = 0;

  constructor(options: SseFollowerOptions) {
    this.#options = options;
    this.#offset = options.offset ?? '-1';
    this.#request = this.#connect();
  }

  get offset(): string {
    return this.#offset;
  }

  pause(): void {
    this.#isPaused = true;
    this.#response?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#response?.resume();
  }

  #connect(): ClientRequest {
    const { url, path } = this.#options;
    this.connections += 1;
    this.#rest = '';
    const request = get(`${url}${path}?offset=${this.#offset}&live=sse`, { agent: false });
    request.once('response', (response) => {
      response.setEncoding('utf8');
      response.on('data', (piece: string) => this.#take(piece));
      response.on('error', () => undefined);
      this.#response = response;
      if (this.#isPaused) response.pause();
    });
    request.on('error', () => undefined);
    request.once('close', () => {
      this.#response = undefined;
      if (!this.#isClosed) this.#request = this.#connect();
    });
    return request;
  }

  #take(piece: string): void {
    this.heardAtMs.push(performance.now());
    this.#rest += piece;
    for (;;) {
      const end = this.#rest.indexOf('\n\n');
      if (end === -1) return;
      const block = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 2);
      this.#event(block);
    }
  }

  #event(block: string): void {
    const data = /^data:(.*)$/m.exec(block)?.[1];
    if (data === undefined) return;
    if (block.includes('event: control')) {
      this.#offset = (JSON.parse(data) as { streamNextOffset: string }).streamNextOffset;
    } else if (block.includes('event: data')) {
      this.#options.onData?.(data);
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#request.destroy();
  }
}

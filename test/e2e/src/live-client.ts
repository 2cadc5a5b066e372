// A client of the live socket, as a page has it: the platform's own WebSocket, and nothing of ours.

export interface Frame {
  readonly type: string;
  readonly ch?: number;
  readonly ref?: string;
  readonly cursor?: string;
  readonly events?: readonly Record<string, unknown>[];
  readonly [member: string]: unknown;
}

export class LiveClient implements Disposable {
  readonly frames: Frame[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();
  #closed: { readonly code: number; readonly reason: string } | undefined;
  #refs = 0;

  constructor(url: string, protocols: readonly string[] = ['tidemark.v1']) {
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}/v1/live`, [...protocols]);
    this.#socket.addEventListener('message', ({ data }) => {
      this.frames.push(JSON.parse(String(data)) as Frame);
      this.#wake();
    });
    this.#socket.addEventListener('close', ({ code, reason }) => {
      this.#closed = { code, reason };
      this.#wake();
    });
    this.#socket.addEventListener('error', () => undefined);
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** Resolves with the first frame, seen or still to come, that fits. */
  until(fits: (frame: Frame) => boolean): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.frames.find(fits);
        if (found === undefined && this.#closed === undefined) return;
        this.#waiting.delete(look);
        if (found === undefined) reject(new Error(`closed ${JSON.stringify(this.#closed)}`));
        else resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  closed(): Promise<{ readonly code: number; readonly reason: string }> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#closed === undefined) return;
        this.#waiting.delete(look);
        resolve(this.#closed);
      };
      this.#waiting.add(look);
      look();
    });
  }

  send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  /** Asks, and waits for the answer. */
  async ask(message: object): Promise<Frame> {
    await this.until(({ type }) => type === 'ready');
    this.#refs += 1;
    const ref = `r${this.#refs}`;
    this.send({ ...message, ref });
    return this.until((frame) => frame.ref === ref);
  }

  /** Events of a channel so far, in the order in which they came. */
  eventsOf(channel: unknown): readonly Record<string, unknown>[] {
    return this.frames
      .filter(({ type, ch }) => type === 'ev' && ch === channel)
      .flatMap(({ events }) => events ?? []);
  }

  async reached(channel: unknown, count: number): Promise<readonly Record<string, unknown>[]> {
    await this.until(() => this.eventsOf(channel).length >= count);
    return this.eventsOf(channel);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

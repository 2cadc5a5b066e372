// One request over plain HTTP, and what certainly or possibly became of it.

import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface Asked {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Exchanged =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: Headers; body: string }
  /** Nobody listened: nothing was sent. */
  | { readonly kind: 'not-connected' }
  /** It may have been taken. */
  | { readonly kind: 'lost' };

export type Headers = IncomingHttpHeaders;

export interface Server {
  readonly host: string;
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Before whoever found nobody asks again. */
const notConnectedMs = 100;

export class Exchange {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  readonly #server: Server;
  readonly #timeoutMs: number;

  constructor(server: Server, timeoutMs: number) {
    this.#server = server;
    this.#timeoutMs = timeoutMs;
  }

  async ask(asked: Asked): Promise<Exchanged> {
    const exchanged = await this.#ask(asked);
    if (exchanged.kind === 'not-connected') await delay(notConnectedMs);
    return exchanged;
  }

  async #ask(asked: Asked): Promise<Exchanged> {
    const opened = await this.open(asked, AbortSignal.timeout(this.#timeoutMs));
    if (opened.kind !== 'response') return opened;
    const { response } = opened;
    try {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      const { statusCode: status = 0, headers } = response;
      return { kind: 'answer', status, headers, body: Buffer.concat(pieces).toString() };
    } catch {
      return { kind: 'lost' };
    }
  }

  /** An answer whose body is read by the caller. */
  open(
    { method, path, headers, body }: Asked,
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: 'response'; readonly response: IncomingMessage }
    | Exclude<Exchanged, { kind: 'answer' }>
  > {
    const { host, port } = this.#server;
    const sent = { ...this.#server.headers, ...headers };
    return new Promise((resolve) => {
      const outgoing = request({
        host,
        port,
        method,
        path,
        agent: this.#agent,
        headers: sent,
        signal,
      });
      outgoing.once('response', (response) => resolve({ kind: 'response', response }));
      outgoing.once('error', (cause: NodeJS.ErrnoException) =>
        resolve({ kind: cause.code === 'ECONNREFUSED' ? 'not-connected' : 'lost' }),
      );
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

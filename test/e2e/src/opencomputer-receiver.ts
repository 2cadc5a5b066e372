// A receiver of webhooks on a port of its own.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedHook {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HookPayload {
  readonly type: string;
  readonly sessionId: string;
  readonly eventId: string;
  readonly metadata: unknown;
  readonly event: { readonly seq: number; readonly type: string; readonly body: object };
}

export const payloadOf = ({ body }: ReceivedHook): HookPayload => JSON.parse(body) as HookPayload;

export class WebhookReceiver implements AsyncDisposable {
  readonly received: ReceivedHook[] = [];
  /** How a request is answered; with 200 where it says nothing of it. */
  answer: (hook: ReceivedHook, reply: ServerResponse) => void = (_, reply) => reply.end('{}');
  readonly #server = createServer((request, reply) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      const hook = { path, headers, body: Buffer.concat(chunks).toString() };
      this.received.push(hook);
      this.answer(hook, reply);
      for (const look of this.#looking) look();
    });
  });
  readonly #looking = new Set<() => void>();

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  at(path: string): readonly ReceivedHook[] {
    return this.received.filter((hook) => hook.path === path);
  }

  /** Resolves once what was received is what is waited for. */
  until(isThere: (received: readonly ReceivedHook[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isThere(this.received)) return;
        this.#looking.delete(look);
        resolve();
      };
      this.#looking.add(look);
      look();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

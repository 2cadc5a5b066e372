// A request that stops the parser where its connection has sent too much ahead.
//
// Node parses all that came in one read, up to 64 KiB, before anything else runs: hundreds of requests,
// of which none but the first few will ever begin. Where a request asks to leave HTTP, though, it parses
// nothing behind it. So that is what the first one too many is taken for.

import { IncomingMessage, type ServerOptions } from 'node:http';
import type { Socket } from 'node:net';

/** Whether no further request over a connection will begin. */
export type IsFull = (socket: Socket) => boolean;

type EdgeServerOptions = Pick<
  ServerOptions<typeof IncomingMessage>,
  'IncomingMessage' | 'shouldUpgradeCallback'
>;

/** What asks to leave HTTP by itself is served as if it did not. */
export function stopWhereFull(isFull: IsFull): EdgeServerOptions {
  class EdgeRequest extends IncomingMessage {
    /** As the parser says, and then the server asks. */
    get upgrade(): boolean {
      return isFull(this.socket) || this.method === 'CONNECT';
    }

    set upgrade(_said: boolean) {}
  }
  return { IncomingMessage: EdgeRequest, shouldUpgradeCallback: ({ socket }) => isFull(socket) };
}

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

/** Whether a request leaves HTTP for something that is served here. */
export type IsUpgrade = (request: IncomingMessage) => boolean;

/** On the request itself: what the parser said. It is said before any field of a class is there. */
const asksToLeave = Symbol('asks to leave');
type Asking = IncomingMessage & { [asksToLeave]?: boolean };

/** What asks to leave HTTP for anything else is served as if it did not. */
export function stopWhereFull(isFull: IsFull, isUpgrade: IsUpgrade): EdgeServerOptions {
  class EdgeRequest extends IncomingMessage {
    /** As the parser says, and then the server asks. */
    get upgrade(): boolean {
      if (isFull(this.socket) || this.method === 'CONNECT') return true;
      return (this as Asking)[asksToLeave] === true && isUpgrade(this);
    }

    set upgrade(said: boolean) {
      (this as Asking)[asksToLeave] = said;
    }
  }
  return {
    IncomingMessage: EdgeRequest,
    shouldUpgradeCallback: (request) => isFull(request.socket) || isUpgrade(request),
  };
}

// What is refused waits to be told so, and may wait for seconds, by the thousand. So that nothing of a
// request is kept until then, Node is made to believe that it was answered: its exchange ends, and
// the answer is written to the connection later. Until then the connection is not read.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

const withheld = Symbol('withheld');
type Withholding = Socket & { [withheld]?: (() => void) | undefined };

/** Gives back what answers; undefined where Node has to do it itself. */
export function withhold(
  { incoming, outgoing }: Exchange,
  answer: () => string,
): (() => void) | undefined {
  const { socket } = incoming;
  const isAnotherBefore = outgoing.socket !== socket;
  if (isAnotherBefore || !outgoing.shouldKeepAlive) return undefined;
  endUnheard(outgoing, socket);
  return keep(socket, answer);
}

/** Another request came in behind it already: answers go in the order of their requests. */
export const answerWithheld = (socket: Withholding): void => socket[withheld]?.();

function endUnheard(outgoing: ServerResponse, socket: Socket): void {
  const write: unknown = Reflect.get(socket, 'write');
  Reflect.set(socket, 'write', writeNothing);
  outgoing.end();
  Reflect.set(socket, 'write', write);
}

function writeNothing(_piece: unknown, ...rest: readonly unknown[]): boolean {
  const written = rest.find((argument) => typeof argument === 'function');
  if (written !== undefined) queueMicrotask(written as () => void);
  return true;
}

/** A scope of its own: what waits holds on to what it sees. */
function keep(socket: Withholding, answer: () => string): () => void {
  const run = (): void => {
    if (socket[withheld] !== run) return;
    socket[withheld] = undefined;
    if (!socket.destroyed) socket.write(answer());
    socket.resume();
  };
  socket[withheld] = run;
  // Node reads on where a request ends, and its end may be still to come.
  setImmediate(() => {
    if (socket[withheld] === run) socket.pause();
  });
  return run;
}

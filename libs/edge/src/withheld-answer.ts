// What is refused waits to be told so, and may wait for seconds, by the thousand. So that nothing of a
// request is kept until then, Node is made to believe that it was answered: its exchange ends, and
// the answer is written to the connection later.
//
// (1) Until then the connection is not read. What was read with the refused request already would be
//     answered before it: the connection ends with the refusal instead.
// (2) Where Node would close the connection it answers itself.
// (3) A connection that ends while its client still sends is left open unread for a moment: closed at
//     once, it would take the answer away with it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** Answers, and ends the connection with it or not. */
export type Answer = (isLast: boolean) => void;

/** The answer as it goes over the connection. */
export type AnswerText = (isLast: boolean) => string;

const withheld = Symbol('withheld');
type Withholding = Socket & { [withheld]?: Answer | undefined };

/** How long a client that still sends may take to see that it was refused. */
const lingerMs = 1_000;

/** Gives back what answers; undefined where Node has to do it itself. */
export function withhold({ incoming, outgoing }: Exchange, text: AnswerText): Answer | undefined {
  const { socket } = incoming;
  const closes = !outgoing.shouldKeepAlive || incoming.headers.expect !== undefined;
  if (closes || incoming.httpVersion !== '1.1') {
    rest(outgoing, socket);
    return undefined;
  }
  const isStillSent = hasBody(incoming);
  endUnheard(outgoing, socket);
  return keep(socket, text, isStillSent);
}

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Whether a refusal waits to be told on this connection. */
export const isRefused = (socket: Withholding): boolean => socket[withheld] !== undefined;

/** Whether a request came behind a refusal that waits: then nobody answers it. */
export function isBehindRefusal(socket: Withholding): boolean {
  socket[withheld]?.(true);
  return socket.writableEnded;
}

function endUnheard(outgoing: ServerResponse, socket: Socket): void {
  const write: unknown = Reflect.get(socket, 'write');
  Reflect.set(socket, 'write', writeNothing);
  try {
    outgoing.end();
  } finally {
    Reflect.set(socket, 'write', write);
  }
}

function writeNothing(_piece: unknown, ...rest: readonly unknown[]): boolean {
  const written = rest.find((argument) => typeof argument === 'function');
  if (written !== undefined) queueMicrotask(written as () => void);
  return true;
}

/** A scope of its own: what waits holds on to what it sees. */
function keep(socket: Withholding, text: AnswerText, isStillSent: boolean): Answer {
  const write: unknown = Reflect.get(socket, 'write');
  const answer: Answer = (isLast) => {
    if (socket[withheld] !== answer) return;
    socket[withheld] = undefined;
    Reflect.set(socket, 'write', write);
    if (socket.destroyed) return;
    socket.write(text(isLast));
    if (!isLast) socket.resume();
    else if (isStillSent) linger(socket);
    else socket.destroySoon();
  };
  socket[withheld] = answer;
  Reflect.set(socket, 'write', (...piece: [unknown, ...unknown[]]) => {
    answer(true);
    return writeNothing(...piece);
  });
  pauseSoon(socket, () => socket[withheld] === answer);
  return answer;
}

function linger(socket: Socket): void {
  socket.end();
  socket.setTimeout(lingerMs, () => socket.destroy());
}

function rest(outgoing: ServerResponse, socket: Socket): void {
  let isAnswered = false;
  outgoing.once('close', () => {
    isAnswered = true;
    socket.resume();
  });
  pauseSoon(socket, () => !isAnswered);
}

/** Node reads on where a request ends, and its end may be still to come. */
function pauseSoon(socket: Socket, isWaiting: () => boolean): void {
  setImmediate(() => {
    if (isWaiting()) socket.pause();
  });
}

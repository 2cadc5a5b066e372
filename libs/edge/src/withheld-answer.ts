// What is refused waits to be told so, and may wait for seconds, by the thousand. So that nothing of a
// request is kept until then, Node is made to believe that it was answered: its exchange ends, and
// the answer is written to the connection later.
//
// (1) Until then the connection is not read. What was read with the refused request already would be
//     answered before it: the connection ends with the refusal instead. Where it ends with it anyway and
//     little is still to come, one piece more is read and dropped: one that breaks off is only seen to
//     have while it is read, and then holds nothing any more.
// (2) Where Node would close the connection it answers itself.
// (3) A connection that ends while its client still sends is left open unread for a moment: closed at
//     once, it would take the answer away with it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** Answers, and ends the connection with it where the server closes. Says whether somebody was left. */
export type Answer = (isClosing: boolean) => boolean;

/** The answer as it goes over the connection. */
export type AnswerText = (isLast: boolean) => string;

const withheld = Symbol('withheld');
type Withholding = Socket & { [withheld]?: Answer | undefined };

/** How long a client that still sends may take to see that it was refused. */
const lingerMs = 1_000;

export interface Refusal {
  readonly text: AnswerText;
  /** The connection ends with it. */
  readonly isLast: boolean;
}

/** Gives back what answers; undefined where Node has to do it itself. */
export function withhold(exchange: Exchange, refusal: Refusal): Answer | undefined {
  const { incoming, outgoing } = exchange;
  const { socket } = incoming;
  const closes = !outgoing.shouldKeepAlive || incoming.headers.expect !== undefined;
  if (closes || incoming.httpVersion !== '1.1') {
    rest(outgoing, socket);
    return undefined;
  }
  const sending = sendingOf(incoming);
  endUnheard(outgoing, socket);
  return keep(socket, refusal, sending);
}

/** What a client still has to send behind the head. */
type Sending = 'nothing' | 'little' | 'much';

const littleBytes = 4_096;

function sendingOf(incoming: IncomingMessage): Sending {
  if (!hasBody(incoming)) return 'nothing';
  return Number(incoming.headers['content-length']) <= littleBytes ? 'little' : 'much';
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

function keep(socket: Withholding, { text, isLast }: Refusal, sending: Sending): Answer {
  const write: unknown = Reflect.get(socket, 'write');
  const answer = hold(socket, (kept, isClosing) => {
    Reflect.set(kept, 'write', write);
    const ends = isLast || isClosing;
    kept.write(text(ends));
    if (!ends) kept.resume();
    else if (sending !== 'nothing') linger(kept);
    else kept.destroySoon();
  });
  Reflect.set(socket, 'write', (...piece: [unknown, ...unknown[]]) => {
    answer(true);
    return writeNothing(...piece);
  });
  if (isLast && sending !== 'much') leaveSoon(socket, answer);
  else pauseSoon(socket, () => socket[withheld] === answer);
  return answer;
}

/** Holds a connection over which came what is no request. */
export function withholdEnd(socket: Withholding, end: () => void): Answer {
  const answer = hold(socket, end);
  leaveSoon(socket, answer);
  return answer;
}

/** What ends the wait, and from then on holds nothing. */
function hold(socket: Withholding, end: (kept: Socket, isClosing: boolean) => void): Answer {
  let waiting: { readonly kept: Withholding; readonly end: typeof end } | undefined = {
    kept: socket,
    end,
  };
  const answer: Answer = (isClosing) => {
    if (waiting === undefined) return false;
    const { kept } = waiting;
    waiting = undefined;
    kept[withheld] = undefined;
    if (kept.destroyed) return false;
    end(kept, isClosing);
    return true;
  };
  socket[withheld] = answer;
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

/** Takes the connection from its parser. What still comes over it is nobody's: invariant 1. */
function leaveSoon(socket: Withholding, answer: Answer): void {
  socket.once('close', () => answer(true));
  setImmediate(() => {
    if (socket[withheld] !== answer) return;
    socket.removeAllListeners('data').removeAllListeners('end');
    socket.once('data', () => socket.pause());
  });
}

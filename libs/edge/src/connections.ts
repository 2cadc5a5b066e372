// The connections of this process, and the order of what is sent over each.
//
// (1) A request begins once the one before it on its connection is answered. Effects come in the order
//     in which they were asked for, and each request sees those of the one before it. What stands
//     behind a long-poll or server-sent events waits until those have ended.
// (2) So many requests wait at most. What was sent ahead of that is neither begun nor parsed: the connection
//     ends with the answer before it.
// (3) A connection is a stranger's until a request over it has shown a key, or there are no keys.
//     Strangers have so many connections together; for one more the longest-standing is closed.
// (4) Once the process drains, each answer is the last of its connection.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Metrics } from '@tidemark/ports';
import { present } from '@tidemark/std';

export interface ConnectionBounds {
  readonly strangersMax: number;
  /** Requests that wait behind another on their connection. */
  readonly aheadMax: number;
  /** On a stranger's. */
  readonly strangerAheadMax: number;
}

export const connectionDefaults: ConnectionBounds = {
  strangersMax: 1_024,
  aheadMax: 64,
  strangerAheadMax: 4,
};

/** Set only on a connection over which something was sent ahead. */
const ahead = Symbol('ahead');
type Line = Socket & { [ahead]?: Ahead };

interface Ahead {
  count: number;
  last: ServerResponse;
}

export class Connections {
  readonly #bounds: ConnectionBounds;
  readonly #open = new Set<Socket>();
  /** The longest-standing first. */
  readonly #strangers = new Set<Socket>();
  readonly #onClosedStranger: () => void;
  #isDraining = false;
  #onDrained: () => void = () => undefined;

  constructor(metrics: Metrics, bounds: ConnectionBounds = connectionDefaults) {
    this.#bounds = bounds;
    const closed = metrics.counter({
      name: 'tidemark_edge_closed_strangers_total',
      help: 'connections without a key that were closed for newer ones',
    });
    this.#onClosedStranger = () => closed.add(1);
    const observe = (name: string, help: string, read: () => number): void =>
      metrics.observedGauge({ name: `tidemark_edge_${name}`, help }, read);
    observe('connections', 'open connections', () => this.#open.size);
    observe('stranger_connections', 'those that showed no key yet', () => this.#strangers.size);
  }

  accept(socket: Socket): void {
    socket.setNoDelay(true);
    this.#open.add(socket);
    this.#strangers.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#strangers.delete(socket);
      if (this.#open.size === 0) this.#onDrained();
    });
    if (this.#strangers.size <= this.#bounds.strangersMax) return;
    const [longest] = this.#strangers;
    if (longest === undefined) return;
    this.#strangers.delete(longest);
    this.#onClosedStranger();
    longest.destroy();
  }

  isStranger(socket: Socket): boolean {
    return this.#strangers.has(socket);
  }

  /** A key was shown over it. */
  know(socket: Socket): void {
    this.#strangers.delete(socket);
  }

  /** Begins a request in its turn. */
  take(incoming: IncomingMessage, outgoing: ServerResponse, begin: () => void): void {
    if (this.#isDraining) outgoing.shouldKeepAlive = false;
    const socket: Line = incoming.socket;
    // Node gives the connection to an answer once the one before it is on its way whole.
    if (outgoing.socket === socket) return begin();
    const line = (socket[ahead] ??= { count: 0, last: outgoing });
    line.count += 1;
    line.last = outgoing;
    outgoing.once('socket', () => {
      line.count -= 1;
      queueMicrotask(begin);
    });
  }

  /** No other request begins behind those that wait: invariant 2. */
  isFull(socket: Line): boolean {
    const line = socket[ahead];
    if (line === undefined) return false;
    const { aheadMax, strangerAheadMax } = this.#bounds;
    return line.count >= (this.isStranger(socket) ? strangerAheadMax : aheadMax);
  }

  /** The connection has left its parser, and ends with the last of those that wait. */
  cut(socket: Line): void {
    const line = present(socket[ahead], 'a line that is full');
    line.last.shouldKeepAlive = false;
    line.last.once('finish', () => socket.destroySoon());
    socket.on('error', () => socket.destroy());
    socket.pause();
  }

  closeAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** From now on connections end with their next answer. Resolves once there is none. */
  drained(): Promise<void> {
    this.#isDraining = true;
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      if (this.#open.size === 0) resolve();
    });
  }
}

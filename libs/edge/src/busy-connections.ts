// Which connections write, whose they are, and which are served while not all can be.
//
// (1) Those that are served are served on: who wrote lately comes before who did not.
// (2) A key that has less than its share finds room, however many connections another one has.

import type { Socket } from 'node:net';

/** Between two beats. */
class Period {
  readonly #byKey = new Map<string, Set<Socket>>();
  #count = 0;

  get keys(): number {
    return this.#byKey.size;
  }

  has(key: string, socket: Socket): boolean {
    return this.#byKey.get(key)?.has(socket) ?? false;
  }

  add(key: string, socket: Socket): void {
    const ofKey = this.#byKey.get(key);
    if (ofKey === undefined) this.#byKey.set(key, new Set([socket]));
    else ofKey.add(socket);
    this.#count += 1;
  }

  hasRoom(key: string, { max, share }: { readonly max: number; readonly share: number }): boolean {
    return this.#count < max || (this.#byKey.get(key)?.size ?? 0) < share;
  }
}

export class BusyConnections {
  readonly #max: number;
  #now = new Period();
  #lately = new Period();

  constructor(max: number) {
    this.#max = max;
  }

  beat(): void {
    this.#lately = this.#now;
    this.#now = new Period();
  }

  /** Whether what this connection asks for is served. */
  takes(key: string, socket: Socket, isScarce: boolean): boolean {
    if (this.#now.has(key, socket)) return true;
    if (isScarce && !this.#hasRoom(key, socket)) return false;
    this.#now.add(key, socket);
    return true;
  }

  #hasRoom(key: string, socket: Socket): boolean {
    const keys = Math.max(this.#now.keys, this.#lately.keys, 1);
    const bounds = { max: this.#max, share: Math.max(1, Math.floor(this.#max / keys)) };
    if (!this.#now.hasRoom(key, bounds)) return false;
    return this.#lately.has(key, socket) || this.#lately.hasRoom(key, bounds);
  }
}

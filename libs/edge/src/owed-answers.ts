// The memory that large answers hold until their readers have taken them.
//
// (1) A piece of memory is held once, however many answers send it: the pages of hot bodies are shared,
//     and a thousand readers of one of them hold no more than the first.
// (2) What an answer holds ends with its connection, whichever came first.

import type { ServerResponse } from 'node:http';
import { type Peer, Share, type Taking } from './share.ts';

interface Held {
  readonly peer: Peer;
  answers: number;
}

type Memory = Uint8Array['buffer'];

/** What is known of an answer's connection: a ServerResponse, but for tests. */
export type Answering = Pick<ServerResponse, 'destroyed' | 'once'>;

export class OwedAnswers {
  readonly #share: Share;
  readonly #held = new Map<Memory, Held>();

  constructor(bytesMax: number) {
    this.#share = new Share(bytesMax);
  }

  get bytes(): number {
    return this.#share.taken;
  }

  hold(peer: Peer, pieces: readonly Uint8Array[], answering: Answering): Taking {
    if (answering.destroyed) return 'taken';
    const memories = new Set(pieces.map(({ buffer }) => buffer));
    const fresh = [...memories].filter((memory) => !this.#held.has(memory));
    const freshBytes = fresh.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const taking = this.#share.take(peer, freshBytes);
    if (taking !== 'taken') return taking;
    for (const memory of fresh) this.#held.set(memory, { peer, answers: 0 });
    for (const memory of memories) (this.#held.get(memory) as Held).answers += 1;
    answering.once('close', () => this.#leave(memories));
    return taking;
  }

  #leave(memories: ReadonlySet<Memory>): void {
    for (const memory of memories) {
      const held = this.#held.get(memory);
      if (held === undefined) continue;
      held.answers -= 1;
      if (held.answers > 0) continue;
      this.#held.delete(memory);
      this.#share.give(held.peer, memory.byteLength);
    }
  }
}

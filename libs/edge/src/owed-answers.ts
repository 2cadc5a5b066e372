// The memory that large answers hold until their readers have taken them.
//
// (1) A piece of memory is held once, however many answers send it: the pages of hot bodies are shared,
//     and a thousand readers of one of them hold no more than the first.
// (2) What an answer holds ends with its connection, whichever came first.
// (3) What is lent to an answer that goes on is given back once.

import type { ServerResponse } from 'node:http';
import { type Peer, Share, type Taking } from './share.ts';

interface Held {
  readonly peer: Peer;
  readonly bytes: number;
  answers: number;
}

type Memory = Uint8Array['buffer'];

export interface Lent {
  readonly taking: Taking;
  readonly giveBack: () => void;
}

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
    const { taking, giveBack } = this.lend(peer, pieces);
    if (taking === 'taken') answering.once('close', giveBack);
    return taking;
  }

  /** Until it is given back; where there is no room, nothing is. */
  lend(peer: Peer, pieces: readonly Uint8Array[]): Lent {
    const memories = new Set(pieces.map(({ buffer }) => buffer));
    const fresh = [...memories].filter((memory) => !this.#held.has(memory));
    const freshBytes = fresh.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const taking = this.#share.take(peer, freshBytes);
    if (taking !== 'taken') return { taking, giveBack: () => undefined };
    for (const memory of fresh) {
      this.#held.set(memory, { peer, bytes: memory.byteLength, answers: 0 });
    }
    for (const memory of memories) (this.#held.get(memory) as Held).answers += 1;
    return { taking, giveBack: () => this.#giveBack(memories) };
  }

  #giveBack(memories: Set<Memory>): void {
    for (const memory of memories) {
      memories.delete(memory);
      const held = this.#held.get(memory);
      if (held === undefined) continue;
      held.answers -= 1;
      if (held.answers > 0) continue;
      this.#held.delete(memory);
      this.#share.give(held.peer, held.bytes);
    }
  }
}

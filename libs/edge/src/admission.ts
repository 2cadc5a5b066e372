// How much may be under way in this process at once. Whoever comes beyond it is refused before any
// of its body is kept.
//
// (1) A write is under way from its head until its answer is closed; reads that wait are not.
// (2) Bytes count as they arrive, not as they are announced: a slow sender holds only what it sent.
// (3) A refusal is answered a moment late, and so many a second: who is refused at once asks again at
//     once, and refusing would leave no time for the work.
// (4) Where the process has more to do than it can, fewer writes are under way: more would not be done
//     sooner. Peers that have less than their share of them find room none the less.
// (5) A share goes by a verified key. Strangers, who have shown none, have no share: nothing of their
//     bodies is read, and what they ask is answered in a line of their own, 125 of it a second.
// (6) What is held for a request ends with its connection, whichever came first.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createLoopMeter } from '@tidemark/platform';
import type { Clock, Metrics } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import { AnswerTurns } from './answer-turns.ts';
import { LoopUse } from './loop-use.ts';
import { OwedAnswers } from './owed-answers.ts';
import { RefusalQueue } from './refusal-queue.ts';
import { onlyPeer, type Peer, Share, type Taking } from './share.ts';
import type { Answer, Exchange } from './withheld-answer.ts';

export interface AdmissionBounds {
  readonly writesMax: number;
  /** While there is more to do than can be done. */
  readonly busyWritesMax: number;
  /** Of all bodies that are under way. */
  readonly bodyBytesMax: number;
  /** Of all large answers that their readers have not taken yet. */
  readonly owedBytesMax: number;
  /** How late a refusal is answered. */
  readonly refusalMs: number;
  /** How late a stranger is turned away. */
  readonly strangerMs: number;
}

export const admissionDefaults: AdmissionBounds = {
  writesMax: 2_048,
  busyWritesMax: 512,
  bodyBytesMax: 256 * 1024 * 1024,
  owedBytesMax: 512 * 1024 * 1024,
  refusalMs: 250,
  strangerMs: 1_000,
};

const refusalPace = { apartMs: 1, atOnceMax: 32 };
/**
 * A connection that comes and is turned away takes half a millisecond of a core, and while it waits the collector
 * copies what Node keeps of it.
 */
const strangerPace = { apartMs: 8, atOnceMax: 1 };
/** Of what anybody may ask. */
const openDoorPace = { apartMs: 4, atOnceMax: 1 };

/** Smaller answers fit into what a socket buffers anyway. */
export const largeAnswerBytes: number = 256 * 1024;

/** How long a reader may take nothing of what it is owed. */
export const stalledReaderMs = 30_000;

/** Made once: where they come by the thousand, taking a stack each time is what refusing costs. */
const overloaded = new Problem('overloaded', 'too much is under way');
const rateLimited = new Problem('rate-limited', 'too much of this key is under way at once', {
  facts: { retryAfterMs: 1_000 },
});

export interface AdmissionParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Of the loop, since it was asked last. */
  readonly busyShare?: () => number;
}

interface Visit {
  readonly peer: Peer;
  bodyBytes: number;
  isOver: boolean;
}

/** On the request itself: a WeakMap's entry for each request is work for the garbage collector. */
const visitOf = Symbol('visit');
type Visited = IncomingMessage & { [visitOf]?: Visit };

/** An answer that is sent piece by piece, as its pieces lie in memory. */
export interface LargeAnswer {
  readonly pieces: readonly Uint8Array[];
  readonly lengthBytes: number;
  readonly send: () => void;
}

export class Admission {
  readonly #bounds: AdmissionBounds;
  readonly #loop: LoopUse;
  readonly #refusals: RefusalQueue;
  readonly #strangers: RefusalQueue;
  readonly #openDoor: RefusalQueue;
  readonly #turns: AnswerTurns;
  readonly #writes: Share;
  readonly #bodies: Share;
  readonly #owed: OwedAnswers;
  readonly #onRefused: (reason: string) => void;
  /** Of each answer, one for all: a closure and what `once` makes of it are half a microsecond. */
  readonly #onClose: (this: ServerResponse) => void;

  constructor(
    { clock, metrics, busyShare = createLoopMeter() }: AdmissionParts,
    bounds: AdmissionBounds = admissionDefaults,
  ) {
    this.#bounds = bounds;
    const leave = (visit: Visit): void => this.#leave(visit);
    this.#onClose = function left() {
      const visit = (this.req as Visited)[visitOf];
      if (visit !== undefined) leave(visit);
    };
    this.#writes = new Share(bounds.writesMax);
    this.#bodies = new Share(bounds.bodyBytesMax);
    this.#owed = new OwedAnswers(bounds.owedBytesMax);
    this.#refusals = new RefusalQueue(clock, { heldMs: bounds.refusalMs, ...refusalPace });
    this.#strangers = new RefusalQueue(clock, { heldMs: bounds.strangerMs, ...strangerPace });
    this.#openDoor = new RefusalQueue(clock, { heldMs: 0, ...openDoorPace });
    this.#turns = new AnswerTurns(clock, () => this.#writes.taken > 0);
    this.#loop = new LoopUse(clock, busyShare);
    const refused = metrics.counter({
      name: 'tidemark_edge_refused_requests_total',
      help: 'requests that found no room in this process, or had no key',
      labels: ['reason'],
    });
    this.#onRefused = (reason) => refused.add(1, { reason });
    const observe = (name: string, help: string, read: () => number): void =>
      metrics.observedGauge({ name: `tidemark_edge_${name}`, help }, read);
    observe('writes_in_flight', 'writes between head and answer', () => this.#writes.taken);
    observe('body_bytes', 'bytes of bodies under way', () => this.#bodies.taken);
    observe('owed_bytes', 'bytes of large answers not taken yet', () => this.#owed.bytes);
  }

  /** A read costs only what its answer holds. */
  read(peer: Peer, { incoming }: Exchange): void {
    (incoming as Visited)[visitOf] = { peer, bodyBytes: 0, isOver: false };
  }

  /** The Problem where there is no room for a write. */
  enter(peer: Peer, { incoming, outgoing }: Exchange): Problem | undefined {
    const problem = this.#noRoomFor(peer);
    if (problem !== undefined) return problem;
    const visit: Visit = { peer, bodyBytes: 0, isOver: false };
    (incoming as Visited)[visitOf] = visit;
    if (outgoing.destroyed) this.#leave(visit);
    else outgoing.on('close', this.#onClose);
    return undefined;
  }

  #noRoomFor(peer: Peer): Problem | undefined {
    const { busyWritesMax } = this.#bounds;
    const writes = this.#writes;
    if (writes.taken >= busyWritesMax && this.#loop.isSaturated) {
      const share = Math.max(1, busyWritesMax / writes.peerCount);
      if (writes.takenBy(peer) >= share) return this.#overloaded('saturated');
    }
    return this.#refusal(writes.take(peer, 1), 'writes');
  }

  #refusal(outcome: Taking, reason: string): Problem | undefined {
    if (outcome === 'taken') return undefined;
    if (outcome === 'none-left') return this.#overloaded(reason);
    this.#onRefused('key');
    return rateLimited;
  }

  #leave(visit: Visit): void {
    if (visit.isOver) return;
    this.#writes.give(visit.peer, 1);
    this.#bodies.give(visit.peer, visit.bodyBytes);
    visit.isOver = true;
  }

  #overloaded(reason: string): Problem {
    this.#onRefused(reason);
    return overloaded;
  }

  /** Answers a refusal when it is time to. */
  later(answer: Answer): void {
    this.#refusals.add(answer);
  }

  /** Turns a stranger away when it is time to. */
  turnAway(answer: Answer): void {
    this.#onRefused('stranger');
    this.#strangers.add(answer);
  }

  /** Answers what anybody may ask, strangers included. */
  openDoor(answer: Answer): void {
    this.#openDoor.add(answer);
  }

  close(): void {
    this.#loop.close();
    this.#refusals.close();
    this.#strangers.close();
    this.#openDoor.close();
    this.#turns.close();
  }

  /** More of a body came in: it is kept until the answer is closed. */
  hold(incoming: IncomingMessage, bytes: number): Problem | undefined {
    const visit = (incoming as Visited)[visitOf];
    if (visit === undefined) return this.#overloaded('bodies');
    if (visit.isOver) return undefined;
    const refusal = this.#refusal(this.#bodies.take(visit.peer, bytes), 'bodies');
    if (refusal === undefined) visit.bodyBytes += bytes;
    return refusal;
  }

  /** Memory that an answer which goes on holds until the call of what comes back; undefined without room. */
  lend(outgoing: ServerResponse, pieces: readonly Uint8Array[]): (() => void) | undefined {
    const { peer = onlyPeer } = (outgoing.req as Visited)[visitOf] ?? {};
    const { taking, giveBack } = this.#owed.lend(peer, pieces);
    return this.#refusal(taking, 'answers') === undefined ? giveBack : undefined;
  }

  /** Sends now, or when it is the turn of so many bytes. Gives back what takes it out of the line. */
  turn(bytes: number, send: () => void): () => void {
    return this.#turns.take(bytes, send);
  }

  /** A large answer is kept until its reader has taken it; one that takes nothing is left. */
  owe(outgoing: ServerResponse, { pieces, lengthBytes, send }: LargeAnswer): void {
    const { peer = onlyPeer } = (outgoing.req as Visited)[visitOf] ?? {};
    const refusal = this.#refusal(this.#owed.hold(peer, pieces, outgoing), 'answers');
    if (refusal !== undefined) throw refusal;
    const giveUp = this.#turns.take(lengthBytes, () => {
      leaveStalled(outgoing);
      send();
    });
    if (outgoing.destroyed) giveUp();
    else outgoing.once('close', giveUp);
  }
}

/** From here on the connection ends where its reader takes nothing for a while. */
export function leaveStalled(raw: ServerResponse): void {
  raw.setTimeout(stalledReaderMs, () => raw.destroy());
}

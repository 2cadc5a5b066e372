// A live reader: an encoder on the very cursor that server-sent events and long-polls stand on. Its
// client is slow, or takes nothing for long.

import type { SeededPrng, SimulatedClock } from '@tidemark/ports/testing';
import type { StreamView } from '@tidemark/read/stream-view';
import { type FollowCursor, type Piece, type ReadyPiece, readyPiece } from '@tidemark/replica';
import { isDue } from '@tidemark/session';
import { assert } from '@tidemark/std';
import type { Bodies } from './bodies.ts';
import type { Following } from './following.ts';
import type { Incarnation } from './incarnation.ts';
import type { Recorder } from './recorder.ts';

export interface FollowerParts {
  readonly process: Incarnation;
  readonly view: StreamView;
  readonly op: string;
  readonly from: { readonly position: number; readonly seq: number };
  readonly recorder: Recorder;
  readonly bodies: Bodies;
  readonly clock: SimulatedClock;
  readonly prng: SeededPrng;
  readonly onBroken: (message: string) => void;
  readonly onEnd: (follower: Follower) => void;
}

/** What a frame shows of its events. */
export type EventNames = readonly string[];

const slowMs = 800;
/** Frames are shared among those who take pieces of one size. */
const pieceSizes = [60, 200, 400];

export class Follower implements Following {
  readonly process: Incarnation;
  readonly #parts: FollowerParts;
  readonly #life: string;
  readonly #cursor: FollowCursor;
  /** How long the client takes nothing, the next time that it is slow. */
  #slowMs: number;
  #seq: number;
  /** The client takes nothing. */
  #isFull = false;
  #isFetching = false;
  #isOver = false;

  constructor(parts: FollowerParts) {
    const { process, view, from, prng } = parts;
    this.#parts = parts;
    this.process = process;
    this.#life = view.present.tag;
    this.#seq = from.seq;
    this.#slowMs = prng.chance(0.1) ? 20_000 : slowMs;
    this.#cursor = process.followers.follow(view.placeAt(from.position), () => this.#go());
  }

  start(): void {
    void this.process.gate.crashed.then(() => this.#end({ outcome: 'unknown' }));
    this.#keepAlive();
    this.#go();
  }

  #keepAlive(): void {
    const ttlMs = this.#cursor.stream?.ttlMs;
    if (ttlMs === undefined || this.#isOver) return;
    this.process.clock.schedule(ttlMs / 2, () => {
      if (this.#isOver) return;
      this.#parts.view.renew().catch(() => undefined);
      this.#keepAlive();
    });
  }

  #go(): void {
    while (!this.#isOver && this.#goOn());
  }

  #goOn(): boolean {
    if (this.process.gate.isCrashed) return false;
    const { standing, stream } = this.#cursor;
    if (standing === 'gone' || standing === 'stopped') this.#end({ outcome: 'ok' });
    else if (this.#isFull || this.#isFetching) return false;
    else if (standing === 'closed') this.#sawEnd(stream?.tailSeq ?? -1);
    else if (standing === 'ready') return this.#readOn();
    return false;
  }

  #readOn(): boolean {
    const { prng, clock } = this.#parts;
    if (prng.chance(0.15)) {
      this.#isFull = true;
      const restMs = prng.below(this.#slowMs);
      this.#slowMs = slowMs;
      clock.schedule(restMs, () => {
        this.#isFull = false;
        this.#go();
      });
      return false;
    }
    const bytesMax = pieceSizes[prng.below(pieceSizes.length)] ?? 0;
    const { shared } = this.process;
    const known = shared.at(this.#cursor, String(bytesMax));
    if (known !== undefined) return this.#take(known);
    const hot = this.#cursor.hot({ bytesMax, eventsMax: 1_000 });
    if (hot === undefined) {
      void this.#fetch(bytesMax);
      return false;
    }
    const ready = this.#encode(hot);
    shared.add(ready, String(bytesMax));
    return this.#take(ready);
  }

  async #fetch(bytesMax: number): Promise<void> {
    this.#isFetching = true;
    try {
      const piece = await this.#cursor.fetch({ bytesMax, eventsMax: 1_000 });
      if (piece !== undefined && !this.process.gate.isCrashed) this.#take(this.#encode(piece));
    } catch {
      this.#end({ outcome: 'ok' });
    } finally {
      this.#isFetching = false;
    }
    this.#go();
  }

  #encode(piece: Piece): ReadyPiece<EventNames> {
    const { stream } = this.#cursor;
    assert(stream !== undefined, 'a piece is of a stream that is there');
    return readyPiece(piece, stream, () => ({
      encoded: this.#parts.bodies.namesIn(piece.bodies, stream.isJson),
      encodedBytes: piece.bodies.reduce((sum, { length }) => sum + length, 0),
    }));
  }

  #take(ready: ReadyPiece<EventNames>): true {
    const { recorder, op } = this.#parts;
    this.#cursor.take(ready);
    recorder.seen(op, { life: this.#life, first: this.#seq, events: ready.encoded });
    this.#seq = ready.endSeq;
    return true;
  }

  #sawEnd(tail: number): void {
    const { recorder, op } = this.#parts;
    recorder.seen(op, { life: this.#life, first: this.#seq, events: [], closed: true });
    if (this.#seq === tail) this.#end({ outcome: 'ok' });
    else this.#end({ outcome: 'ok', tail, life: this.#life, closed: true });
  }

  finish(idleFrom: number): void {
    const { view, clock } = this.#parts;
    if (this.#cursor.standing !== 'tail') {
      this.#sawUntold();
      return this.leave();
    }
    // What is over by its time is told to nobody before somebody asks for it.
    if (isDue(view.session.state, clock.nowMs())) return this.leave();
    this.#end({ outcome: 'ok', life: this.#life, tail: this.#seq, closed: false, idleFrom });
  }

  outlive(): void {
    if (this.#cursor.standing === 'stopped') this.#sawUntold();
    this.leave();
  }

  #sawUntold(): void {
    const { process, op, onBroken } = this.#parts;
    const { standing } = this.#cursor;
    onBroken(`${process.name}: a follower was not told that it stands ${standing} (${op})`);
  }

  leave(): void {
    this.#end({ outcome: 'ok' });
  }

  #end(answer: Parameters<Recorder['answer']>[1]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cursor.end();
    this.#parts.recorder.answer(this.#parts.op, answer);
    this.#parts.onEnd(this);
  }
}

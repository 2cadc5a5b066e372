// A live reader, as the read role feeds one: woken by the fold, reading on from where it stands.

import type { SeededPrng, SimulatedClock } from '@tidemark/ports/testing';
import type { StreamView } from '@tidemark/read/stream-view';
import { isDue } from '@tidemark/session';
import type { Bodies } from './bodies.ts';
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
  readonly onEnd: (follower: Follower) => void;
}

export class Follower {
  readonly process: Incarnation;
  readonly #parts: FollowerParts;
  readonly #life: string;
  readonly #release: () => void;
  readonly #unfollow: () => void;
  readonly #onFold: () => void = () => void this.#readOn();
  #position: number;
  #seq: number;
  #isBusy = false;
  #isOver = false;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.process = parts.process;
    this.#life = parts.view.present.tag;
    this.#position = parts.from.position;
    this.#seq = parts.from.seq;
    this.#release = parts.view.located.replica.retain();
    const { located, session } = parts.view;
    this.#unfollow = located.replica.follow(session, this.#onFold);
    void parts.process.gate.crashed.then(() => this.#end({ outcome: 'unknown' }));
    this.#keepAlive();
    void this.#readOn();
  }

  #keepAlive(): void {
    const ttlMs = this.#parts.view.stream?.ttlMs;
    if (ttlMs === undefined || this.#isOver) return;
    this.process.clock.schedule(ttlMs / 2, () => {
      if (this.#isOver) return;
      this.#parts.view.renew().catch(() => undefined);
      this.#keepAlive();
    });
  }

  async #readOn(): Promise<void> {
    if (this.#isBusy || this.#isOver) return;
    this.#isBusy = true;
    const { view, prng, clock } = this.#parts;
    try {
      for (;;) {
        const { stream } = view;
        if (stream === undefined || view.located.replica.stopped !== undefined) {
          return this.#end({ outcome: 'ok' });
        }
        if (this.#position === stream.tailPosition) {
          if (stream.isClosed) this.#sawEnd(stream.tailSeq);
          return;
        }
        // A slow client: the socket takes nothing for a while.
        if (prng.chance(0.15)) {
          await new Promise<void>((resolve) => clock.schedule(prng.below(800), resolve));
        }
        await this.#readPiece();
        if (this.#isOver) return;
      }
    } catch {
      this.#end({ outcome: 'ok' });
    } finally {
      this.#isBusy = false;
    }
  }

  async #readPiece(): Promise<void> {
    const { view, bodies, recorder, op, prng } = this.#parts;
    const { reader } = this.process.shards;
    const bounds = { position: this.#position, bytesMax: 40 + prng.below(400), eventsMax: 1_000 };
    const range = await reader.read(view.source, bounds);
    const { stream } = view;
    if (this.#isOver || stream === undefined || this.process.gate.isCrashed) return;
    const events = bodies.namesIn(range.bodies, stream.isJson);
    recorder.seen(op, { life: this.#life, first: this.#seq, events });
    this.#position = range.endPosition;
    this.#seq = range.endSeq;
  }

  #sawEnd(tail: number): void {
    const { recorder, op } = this.#parts;
    recorder.seen(op, { life: this.#life, first: this.#seq, events: [], closed: true });
    if (this.#seq === tail) this.#end({ outcome: 'ok' });
    else this.#end({ outcome: 'ok', tail, life: this.#life, closed: true });
  }

  /** At the end of a quiet time: it has seen everything, or it was never woken. */
  finish(idleFrom: number): void {
    const { view, clock } = this.#parts;
    // What is over by its time is told to nobody before somebody asks for it.
    if (isDue(view.session.state, clock.nowMs())) return this.leave();
    this.#end({ outcome: 'ok', life: this.#life, tail: this.#seq, closed: false, idleFrom });
  }

  /** The client goes away. */
  leave(): void {
    this.#end({ outcome: 'ok' });
  }

  #end(answer: Parameters<Recorder['answer']>[1]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release();
    this.#unfollow();
    this.#parts.recorder.answer(this.#parts.op, answer);
    this.#parts.onEnd(this);
  }
}

// Where a subscription takes its sessions up: never behind what nobody acknowledged, never before what
// somebody did, and never beyond what there was.

import type { SubscriptionPosition } from './history.ts';
import type { Life } from './life.ts';
import type { Lives } from './lives.ts';
import { isOk, isRefused, type Operation, type Operations } from './operations.ts';
import { generationOf, keyOf, type Shown, type Subscribed } from './subscribed.ts';
import type { Findings } from './violation.ts';

export function checkPositions(subscribed: Subscribed, streams: Streams, findings: Findings): void {
  checkSkips(subscribed, streams, findings);
  checkBack(subscribed, streams, findings);
  checkTails(subscribed, streams, findings);
}

/** What is known of the sessions that subscriptions mind. */
export class Streams {
  readonly #lives: Lives;
  readonly #operations: Operations;
  readonly #counts = new Map<string, number>();

  constructor(operations: Operations, lives: Lives) {
    this.#lives = lives;
    this.#operations = operations;
    for (const { session } of operations.written.values()) {
      this.#counts.set(session, (this.#counts.get(session) ?? 0) + 1);
    }
  }

  lifeOf({ session, life }: SubscriptionPosition): Life | undefined {
    return this.#lives.bySession.get(session)?.find(({ id }) => id === life);
  }

  /** When somebody first asked for the event that stands there, as far as anybody knows it. */
  began(life: Life | undefined, seq: number): number | undefined {
    const { attempts } = this.#operations.written.get(life?.slots[seq]?.name ?? '') ?? {};
    return attempts === undefined ? undefined : Math.min(...attempts.map(({ began }) => began));
  }

  /** By a delete, or by its own time, of which a fork may have its source's. */
  mayBeGone(session: string, at: number): boolean {
    const ops = this.#operations.bySession.get(session) ?? [];
    return ops.some((op) => {
      const { type, ttlMs, expiresAtMs, fork } = op.call;
      if (op.began >= at || isRefused(op)) return false;
      if (type === 'create') return (ttlMs ?? expiresAtMs ?? fork) !== undefined;
      return type === 'delete';
    });
  }

  /** How many events anybody ever wrote into all lives of a session. */
  countOf(session: string): number {
    return this.#counts.get(session) ?? 0;
  }
}

/** What was acknowledged at most, by session and life, as time goes on. */
class Floor {
  readonly #acks: readonly Operation[];
  readonly #acked = new Map<string, number>();
  #next = 0;

  constructor({ acks }: Subscribed) {
    this.#acks = acks;
  }

  advance(at: number): void {
    for (; (this.#acks[this.#next]?.began ?? Infinity) <= at; this.#next += 1) {
      for (const ack of this.#acks[this.#next]?.call.acks ?? []) this.raise(ack);
    }
  }

  raise(position: SubscriptionPosition): void {
    const key = keyOf(position);
    this.#acked.set(key, Math.max(this.#acked.get(key) ?? 0, position.seq));
  }

  of(position: SubscriptionPosition): number | undefined {
    return this.#acked.get(keyOf(position));
  }
}

function checkSkips(subscribed: Subscribed, streams: Streams, findings: Findings): void {
  const floor = new Floor(subscribed);
  /** Who was last seen to take a session up, where its positions tell nothing but their order. */
  const before = new Map<string, Operation>();
  /** What is skipped where a session is taken up; undefined where nothing is. */
  const skippedBy = (op: Operation, position: SubscriptionPosition): string | undefined => {
    const acked = floor.of(position) ?? 0;
    const life = streams.lifeOf(position);
    if (subscribed.covered.has(position.session) && life !== undefined) {
      const range = { from: acked, end: position.seq };
      return firstSkipped({ subscribed, streams, life, op }, range);
    }
    if (op.call.type !== 'claim') return undefined;
    const last = before.get(keyOf(position));
    before.set(keyOf(position), op);
    if (last === undefined || subscribed.isReset(position.session, last.began, op.ended)) {
      floor.raise(position);
      return undefined;
    }
    return position.seq > acked ? 'what lies between' : undefined;
  };
  for (const { op, positions } of subscribed.shown) {
    floor.advance(op.ended);
    for (const position of positions) {
      const skipped = skippedBy(op, position);
      if (skipped === undefined) continue;
      const { session, seq } = position;
      const message = `${session} is taken up at ${seq}, and nobody acknowledged ${skipped}`;
      findings.add('subscription-skips', session, { message, ops: [op.call.op] });
    }
  }
}

interface Taken {
  readonly subscribed: Subscribed;
  readonly streams: Streams;
  readonly life: Life;
  readonly op: Operation;
}

/** The first event that nobody acknowledged and that cannot have been there before it was minded. */
function firstSkipped(
  { subscribed, streams, life, op }: Taken,
  { from, end }: { readonly from: number; readonly end: number },
): string | undefined {
  const baseEnd = subscribed.baseEnd(life.session, op.ended);
  for (let seq = Math.max(from, life.inherited); seq < end; seq += 1) {
    const began = streams.began(life, seq);
    if (began !== undefined && began > baseEnd) return life.slots[seq]?.name;
  }
  return undefined;
}

/** What was acknowledged is handed to nobody who comes later. */
function checkBack(subscribed: Subscribed, streams: Streams, findings: Findings): void {
  const acks = subscribed.acks.filter(isOk);
  const firsts = new Map<number, Shown>();
  for (const one of subscribed.shown) {
    if (!firsts.has(one.generation)) firsts.set(one.generation, one);
  }
  for (const { op, generation, positions } of firsts.values()) {
    for (const ack of acks) {
      if (ack.ended >= op.began || generationOf(ack) >= generation) continue;
      for (const { session, life, seq } of ack.call.acks ?? []) {
        const shown = positions.find((other) => other.session === session && other.life === life);
        if (shown === undefined || shown.seq >= seq) continue;
        if (subscribed.isReset(session, ack.began, op.ended)) continue;
        // The ack was taken and ignored, and whoever shows the session does not know of its end yet.
        if (streams.mayBeGone(session, ack.ended)) continue;
        const message = `${session} is taken up at ${shown.seq}, acknowledged to ${seq}`;
        const ops = [ack.call.op, op.call.op];
        findings.add('subscription-goes-back', session, { message, ops });
      }
    }
  }
}

function checkTails(subscribed: Subscribed, streams: Streams, findings: Findings): void {
  const check = (op: Operation, position: SubscriptionPosition, end: number): void => {
    const { session } = position;
    if (end === 0 || !subscribed.covered.has(session)) return;
    const began = streams.began(streams.lifeOf(position), end - 1);
    const isThere = began === undefined ? end <= streams.countOf(session) : began <= op.ended;
    if (isThere) return;
    const message = `${op.call.type} speaks of ${session} up to ${end}`;
    findings.add('beyond-tail', session, { message, ops: [op.call.op] });
  };
  for (const { op, positions } of subscribed.shown) {
    for (const position of positions) check(op, position, position.tail ?? position.seq);
  }
  for (const op of subscribed.acks) {
    if (!isOk(op)) continue;
    for (const position of op.call.acks ?? []) {
      // Of a session that is gone nothing is left to be acknowledged: the ack is taken, and ignored.
      if (!streams.mayBeGone(position.session, op.ended)) check(op, position, position.seq);
    }
  }
}

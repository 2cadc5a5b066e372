// Time to live: a session lives that long behind whatever renewed it last, and not much longer. The
// wall clock is the servers'; where a history has none, nothing is checked.

import type { Life } from './life.ts';
import type { Lives } from './lives.ts';
import { absentCodes } from './lives.ts';
import { isOk, type Operation, type Operations } from './operations.ts';
import type { Findings } from './violation.ts';

/** How much longer than its TTL a session may live by a read that nobody wrote down. */
const renewalShare = 8;

interface Lifetime {
  readonly ttlMs: number | undefined;
  readonly expiresAtMs: number | undefined;
}

export class Expiry {
  readonly #operations: Operations;
  /** Wall clock by real-time order: the highest seen so far. */
  readonly #walls: { readonly at: number; readonly highestMs: number }[] = [];

  constructor(operations: Operations) {
    this.#operations = operations;
    const stamps = operations.all.flatMap(({ call, answer }) => [call, answer]);
    const known = stamps.flatMap((stamp) =>
      stamp?.ms === undefined ? [] : [{ at: stamp.at, ms: stamp.ms }],
    );
    known.sort((one, other) => one.at - other.at);
    let highestMs = 0;
    for (const { at, ms } of known) {
      highestMs = Math.max(highestMs, ms);
      this.#walls.push({ at, highestMs });
    }
  }

  hasLifetime(life: Life): boolean {
    const lifetimes = this.#lifetimesOf(life);
    if (lifetimes === 'unknown') return true;
    return lifetimes.some(
      ({ ttlMs, expiresAtMs }) => ttlMs !== undefined || expiresAtMs !== undefined,
    );
  }

  /** Of every create that may have made the life; a fork may have its source's. */
  #lifetimesOf(life: Life): Lifetime[] | 'unknown' {
    const ops = this.#operations.bySession.get(life.session) ?? [];
    const creates = life.creator === undefined ? ops : [life.creator];
    const lifetimes: Lifetime[] = [];
    for (const { call, answer } of creates) {
      if (call.type !== 'create' || answer?.outcome === 'refused') continue;
      const { ttlMs, expiresAtMs, fork } = call;
      if (ttlMs === undefined && expiresAtMs === undefined && fork !== undefined) return 'unknown';
      lifetimes.push({ ttlMs, expiresAtMs });
    }
    return lifetimes;
  }

  /** Whether the life may be over by its own time when the operation is answered. */
  mayHaveExpired(life: Life, op: Operation): boolean {
    const lifetimes = this.#lifetimesOf(life);
    if (lifetimes === 'unknown') return true;
    const highestMs = this.#highestMs(op.ended);
    return lifetimes.some(({ ttlMs, expiresAtMs }) => {
      if (expiresAtMs !== undefined) return highestMs === undefined || highestMs >= expiresAtMs;
      if (ttlMs === undefined) return false;
      const renewedMs = this.#renewedMs(life, op);
      return highestMs === undefined || renewedMs === undefined || highestMs >= renewedMs + ttlMs;
    });
  }

  #highestMs(until: number): number | undefined {
    let low = 0;
    let high = this.#walls.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#walls[middle]?.at ?? 0) <= until) low = middle + 1;
      else high = middle;
    }
    return this.#walls[low - 1]?.highestMs;
  }

  /** The latest wall time at which the life certainly was renewed before an operation began. */
  #renewedMs(life: Life, op: Operation): number | undefined {
    let latestMs: number | undefined;
    for (const said of life.evidence) {
      const { call, ended } = said.op;
      const renews = call.type === 'append' || call.type === 'create' || call.type === 'read';
      // A fork vouches for its source, and renews nothing.
      if (call.session !== life.session) continue;
      if (!renews || !said.isExact || ended >= op.began || call.ms === undefined) continue;
      if (call.type !== 'read' && said.op.answer?.isNew !== true) continue;
      latestMs = Math.max(latestMs ?? 0, this.#lowestMs(said.op));
    }
    return latestMs;
  }

  /** A clock that was set back while the operation ran may have given it an earlier time. */
  #lowestMs({ call, ended }: Operation): number {
    let lowestMs = call.ms ?? 0;
    for (const { at, ms } of this.#operations.setBacks) {
      if (at >= call.at && at <= ended) lowestMs = Math.min(lowestMs, ms);
    }
    return lowestMs;
  }

  /** What is asked of a session whose time was over, by everybody's clock, finds nothing. */
  check(lives: Lives, findings: Findings): void {
    for (const [session, inSession] of lives.bySession) {
      const ops = this.#operations.bySession.get(session) ?? [];
      for (const life of inSession) this.#checkLife(life, ops, findings);
    }
  }

  #checkLife(life: Life, ops: readonly Operation[], findings: Findings): void {
    const { creator, session } = life;
    if (creator === undefined || creator.call.fork !== undefined) return;
    const { ttlMs, expiresAtMs } = creator.call;
    if (ttlMs === undefined && expiresAtMs === undefined) return;
    for (const { op } of life.evidence) {
      const { call } = op;
      if (call.ms === undefined || call.type === 'create' || !isOk(op)) continue;
      if (call.type === 'follow') continue;
      if (this.#operations.setBacks.some(({ at }) => at <= op.ended)) return;
      const untilMs = expiresAtMs ?? this.#dueMs(ops, op, ttlMs ?? 0);
      if (call.ms < untilMs) continue;
      const message = `${call.type} at ${call.ms} found a session that was over at ${untilMs}`;
      findings.add('expired-lives', session, { message, ops: [call.op] });
      return;
    }
  }

  /** When the session is over at the latest, by everything that may have renewed it before. */
  #dueMs(ops: readonly Operation[], op: Operation, ttlMs: number): number {
    let latestMs = 0;
    for (const other of ops) {
      if (other === op || other.began > op.ended || other.call.type === 'head') continue;
      // What was given up before can no longer be decided again, at a later time.
      const isOver = (other.answer?.at ?? Infinity) < op.began && other.call.type !== 'follow';
      const ms = isOver ? other.answer?.ms : op.call.ms;
      if (absentCodes.has(other.answer?.code ?? '')) continue;
      latestMs = Math.max(latestMs, ms ?? 0);
    }
    return latestMs + ttlMs + ttlMs / renewalShare;
  }
}

// A session whose time is over ends, whether or not somebody asks for it.
//
// (1) What is not published yet waits in a queue by its end; what is published is found in the agenda of
//     what is published. A sweep costs what is due, not what exists.
// (2) A source of forks stands in that agenda for its forks' sake: its own end waits in the queue, also
//     once it has left memory.
// (3) The fold alone ends a session: of several processes that try, one record stands.
// (4) Each process sweeps in a rhythm of its own, drawn by chance, so that they seldom try at once. A
//     shard where it fails is left for a while, longer each time, with a ceiling.

import { type Counter, sleep } from '@tidemark/ports';
import { hasCode, isProblem } from '@tidemark/protocol';
import { dueAtMs, isDue } from '@tidemark/session';
import { owedNow } from './agenda.ts';
import { DueQueue } from './due-queue.ts';
import type { FoldedSession } from './folded-session.ts';
import type { ShardReplica } from './shard-replica.ts';
import type { Shards } from './shards.ts';
import type { Writers } from './writers.ts';

export interface ExpirySettings {
  /** From one sweep to the next: so long, or up to twice that, as each process draws it once. */
  readonly sweepEveryMs: number;
  /** How often a shard's published agenda is looked through. */
  readonly agendaEveryMs: number;
  /** Sessions of one shard that one sweep ends. */
  readonly endsMax: number;
  /** What could not be done is tried again, later each time, but never later than that. */
  readonly againAfterMsMax: number;
}

export const expiryDefaults: ExpirySettings = {
  sweepEveryMs: 5_000,
  agendaEveryMs: 60_000,
  endsMax: 1_000,
  againAfterMsMax: 300_000,
};

/** Sessions that are in memory for their end at once. */
const atOnceMax = 64;
/** Entries of a queue before any is looked for that is not needed any more. */
const unsortedMin = 1_024;

/** What one process knows of the ends in one shard. */
interface ShardEnds {
  readonly replica: ShardReplica;
  readonly queue: DueQueue;
  readonly sources: Set<string>;
  /** As many entries as this, and those that the agenda has by now are dropped. */
  sortAt: number;
  agendaAtMs: number;
  notBeforeMs: number;
  waitMs: number;
}

export class Expiries {
  readonly #shards: Shards;
  readonly #writers: Writers;
  readonly #settings: ExpirySettings;
  readonly #pauseMs: number;
  readonly #ended: Counter;
  readonly #shardEnds: ShardEnds[] = [];
  #isSweeping = false;

  constructor(shards: Shards, writers: Writers, settings: ExpirySettings = expiryDefaults) {
    this.#shards = shards;
    this.#writers = writers;
    this.#settings = settings;
    this.#pauseMs = settings.sweepEveryMs + writers.prng.below(settings.sweepEveryMs);
    this.#ended = shards.parts.metrics.counter({
      name: 'tidemark_writer_unasked_expiries_total',
      help: 'sessions whose time was over that were ended without a request',
    });
    shards.onOpened((replica) => this.#open(replica));
  }

  #open(replica: ShardReplica): void {
    const ends: ShardEnds = {
      replica,
      queue: new DueQueue(),
      sources: new Set(),
      sortAt: unsortedMin,
      agendaAtMs: Number.NEGATIVE_INFINITY,
      notBeforeMs: Number.NEGATIVE_INFINITY,
      waitMs: this.#settings.sweepEveryMs,
    };
    this.#shardEnds.push(ends);
    replica.feed.listen({
      step: (changed) => {
        for (const session of changed) this.#see(ends, session);
      },
      loaded: (session) => this.#see(ends, session),
      begun: () => {
        this.#sort(ends);
        this.#start();
      },
    });
  }

  #see(ends: ShardEnds, session: FoldedSession): void {
    const { queue, sources } = ends;
    const { stream, life } = session.state;
    const dueMs = stream === undefined || life !== 'live' ? Infinity : dueAtMs(stream);
    if (stream === undefined || dueMs === Infinity) {
      sources.delete(session.key);
      queue.forget(session.key);
      return;
    }
    if (stream.refs.size > 0) sources.add(session.key);
    else sources.delete(session.key);
    if (!isNeeded(ends, session.key)) return;
    queue.set(session.key, dueMs);
    if (queue.size >= ends.sortAt) this.#sort(ends);
    this.#start();
  }

  /** Drops what the published agenda has by now. */
  #sort(ends: ShardEnds): void {
    const { queue, sources } = ends;
    queue.retain((key) => isNeeded(ends, key));
    for (const key of sources) {
      const { state } = ends.replica.fold.table.resident(key) ?? {};
      if (state !== undefined && !(state.life === 'live' && state.stream?.refs.size)) {
        sources.delete(key);
      }
    }
    ends.sortAt = Math.max(unsortedMin, 2 * queue.size);
  }

  #start(): void {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    this.#shards.spawn('end sessions whose time is over', async (signal) => {
      const { clock } = this.#shards.parts;
      while (!signal.aborted) {
        await sleep(clock, this.#pauseMs, signal);
        await this.#sweep(signal);
      }
    });
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#shards.parts;
    for (const ends of this.#shardEnds) {
      const isLeft = ends.replica.stopped !== undefined || ends.notBeforeMs > clock.monotonicMs();
      if (isLeft) continue;
      try {
        await this.#sweepShard(ends, signal);
        ends.waitMs = this.#settings.sweepEveryMs;
      } catch (cause) {
        if (!isProblem(cause)) throw cause;
        const { shard } = ends.replica;
        logger.warn({ shard, err: cause }, 'sessions whose time is over wait for their end');
        ends.notBeforeMs = clock.monotonicMs() + ends.waitMs;
        ends.waitMs = Math.min(2 * ends.waitMs, this.#settings.againAfterMsMax);
      }
    }
  }

  async #sweepShard(ends: ShardEnds, signal: AbortSignal): Promise<void> {
    const { replica } = ends;
    // A shard that was let go of has its agenda all the same, and what was never published of it.
    if (!replica.isServing) {
      if (!this.#isAgendaDue(ends)) return;
      await replica.readIndex();
    }
    const { endsMax } = this.#settings;
    let left = endsMax;
    for (let keys = this.#takeDue(ends, left); keys.length > 0; keys = this.#takeDue(ends, left)) {
      await this.#endAll(ends, keys);
      left -= keys.length;
    }
    // Whatever waits in the queue, some of what is published has its turn.
    await this.#sweepAgenda(ends, Math.max(left, Math.ceil(endsMax / 2)), signal);
  }

  #takeDue({ queue }: ShardEnds, left: number): readonly string[] {
    const nowMs = this.#shards.parts.clock.nowMs();
    const keys: string[] = [];
    while (keys.length < Math.min(left, atOnceMax)) {
      const key = queue.take(nowMs);
      if (key === undefined) break;
      keys.push(key);
    }
    return keys;
  }

  #isAgendaDue({ agendaAtMs }: ShardEnds): boolean {
    return this.#shards.parts.clock.monotonicMs() - agendaAtMs >= this.#settings.agendaEveryMs;
  }

  async #sweepAgenda(ends: ShardEnds, endsMax: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#shards.parts;
    const { table } = ends.replica.fold;
    const { published } = table;
    if (published === undefined || !this.#isAgendaDue(ends)) return;
    let left = endsMax;
    let keys: string[] = [];
    const range = { fromMs: owedNow + 1, toMs: clock.nowMs() };
    for await (const key of published.due(range, signal)) {
      // It has changed since it was published: if it still has an end, that is in the queue.
      if (table.resident(key)?.isDirty === true) continue;
      if (left === 0) break;
      left -= 1;
      keys.push(key);
      if (keys.length < atOnceMax) continue;
      await this.#endAll(ends, keys);
      keys = [];
    }
    await this.#endAll(ends, keys);
    // What was too much for one sweep goes on with the next.
    if (left > 0) ends.agendaAtMs = clock.monotonicMs();
  }

  async #endAll(ends: ShardEnds, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const { replica, queue } = ends;
    const left = new Set(keys);
    const end = async (key: string): Promise<void> => {
      if (await this.endWhereDue(replica, key)) this.#ended.add(1);
      else await replica.with(key, (session) => this.#see(ends, session));
      left.delete(key);
    };
    try {
      // A process that does not follow the shard has not heard of those that others have ended.
      await replica.readIndex();
      const ended = await Promise.allSettled(keys.map(end));
      const failed = ended.find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    } finally {
      for (const key of left) queue.set(key, this.#shards.parts.clock.nowMs());
    }
  }

  /** Tells whether it was for this process to write that its time is over. */
  async endWhereDue(replica: ShardReplica, key: string): Promise<boolean> {
    const isOver = await replica.with(key, ({ state }) =>
      isDue(state, this.#shards.parts.clock.nowMs()),
    );
    if (!isOver) return false;
    try {
      await this.#writers.of(replica).submit(key, { kind: 'expire' });
    } catch (cause) {
      const isEnded =
        isProblem(cause) && (hasCode(cause, 'session-not-found') || hasCode(cause, 'session-gone'));
      if (!isEnded) throw cause;
      return true;
    }
    return false;
  }
}

/** The published agenda does not have it, or not for its end. */
function isNeeded({ replica, sources }: ShardEnds, key: string): boolean {
  return sources.has(key) || replica.fold.table.resident(key)?.isDirty === true;
}

// One process's folded copy of a shard.
//
// (1) The log is read only while somebody needs it: a follower, or a waiter for an offset.
// (2) Each reading begins at the anchor, the last record folded, and compares it: a log that was
//     replaced or lost is noticed before anything of it is folded.
// (3) A stopped shard stays stopped: everybody who waits hears it, and nothing is served from it.
// (4) A log that was missing when nothing of it was folded is not lost: its topic may be about to be
//     created, and the answer that it is missing may come after it was.
// (5) A log that begins behind the anchor was trimmed: what is published newer takes the fold's place,
//     and only where that does not reach the log's start does the shard stop.
// (6) Nothing is served before the first read-index, and nothing while the fold is behind an end that is
//     known. Only where the end cannot be asked is what was folded served, as true and not as all.
//
// closed -> opening      open          (what is published is looked for)
// opening -> serving     open
// opening -> closed      open          (it cannot be had)
// serving -> reloading   #reload       (the log was trimmed beyond the fold)
// reloading -> serving   #reload       (or it cannot be had, and is looked for again by who needs it)
// serving -> closed      closeIfIdle
// any -> stopped         #stop

import type { Shard, ShardBounds, StoredRecord } from '@tidemark/ports';
import { isProblem, Problem } from '@tidemark/protocol';
import { type DecidedRecord, recordCount, type SessionState } from '@tidemark/session';
import { assert, present } from '@tidemark/std';
import type { CatalogPlace, CatalogRange } from './catalog.ts';
import { type Chunk, decodeChunk } from './chunk.ts';
import { Feed, type WrittenRecord } from './feed.ts';
import type { FoldedSession } from './folded-session.ts';
import { LogEnd } from './log-end.ts';
import { LogPump, type PumpTarget } from './log-pump.ts';
import { OffsetWaiters } from './offset-waiters.ts';
import type { LogName, PublishedSessions } from './published.ts';
import type { ReplicaParts } from './replica-parts.ts';
import { ShardFold, type ShardFoldOptions } from './shard-fold.ts';
import {
  foldAdvice,
  isMissing,
  isTrimmed,
  isUnavailable,
  logAdvice,
  ShardStopped,
  type StopReason,
  stoppedBy,
  stoppedProblem,
} from './shard-stop.ts';
import type { UsageRange, UsageRow } from './usage-rows.ts';

type Phase = 'closed' | 'opening' | 'serving' | 'reloading' | 'stopped';

export class ShardReplica {
  readonly shard: Shard;
  readonly fold: ShardFold;
  readonly feed = new Feed();
  readonly #parts: ReplicaParts;
  readonly #followers = new Map<FoldedSession, Set<() => void>>();
  #phase: Phase = 'closed';
  #opening: Promise<void> | undefined;
  /** How often what was folded here became void. */
  #reloads = 0;
  #wasCurrent = false;
  #usedAtMs = 0;
  readonly #waiters = new OffsetWaiters();
  readonly #end: LogEnd;
  readonly #pump: LogPump;
  /** Fires when the shard stops, or the process. */
  readonly #ending = new AbortController();
  #stopped: ShardStopped | undefined;

  constructor(shard: Shard, parts: ReplicaParts, options: ShardFoldOptions) {
    this.shard = shard;
    this.#parts = parts;
    const { budget } = parts;
    const onLoaded = (session: FoldedSession): void => this.feed.loaded(session);
    this.fold = new ShardFold({ budget, onLoaded }, options);
    this.#end = new LogEnd({ ...parts, shard }, this.#ending.signal);
    this.#pump = new LogPump({ ...parts, shard }, this.#pumpTarget());
  }

  #pumpTarget(): PumpTarget {
    return {
      fold: this.fold,
      reloads: () => this.#reloads,
      hasWaiters: () => !this.#waiters.isEmpty,
      open: async () => {
        await this.open();
        this.#wake(new Set());
      },
      foldChunk: (records, isNext) => this.#foldChunk(records, isNext),
      recover: (cause) => this.#recover(cause),
    };
  }

  get stopped(): ShardStopped | undefined {
    return this.#stopped;
  }

  get logName(): LogName {
    return { shard: this.shard, logEpoch: this.fold.logEpoch };
  }

  get isServing(): boolean {
    return this.#phase === 'serving';
  }

  /** Changes when verdicts that were given here before prove nothing any more. */
  get reloads(): number {
    return this.#reloads;
  }

  /** What is not published yet takes all that there is: more of it waits for the publisher. */
  get isFull(): boolean {
    return this.#parts.waitsForRoom && this.#parts.budget.isOver;
  }

  /** Throws where the shard has stopped. */
  check(): void {
    if (this.#stopped !== undefined) throw stoppedProblem(this.shard, this.#stopped);
  }

  /** Begins with what is published. Rejects with a Problem where that cannot be had now. */
  async open(): Promise<void> {
    this.check();
    // From here on: it may not close while the log is asked where it ends.
    this.#usedAtMs = this.#parts.clock.monotonicMs();
    if (this.#phase === 'serving') return;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  async #open(): Promise<void> {
    this.#phase = 'opening';
    try {
      const published = await this.#parts.publications.newest(this.logName, this.#ending.signal);
      if (published !== undefined) await this.#begin(published);
      this.#phase = 'serving';
    } catch (cause) {
      if (cause instanceof ShardStopped) throw this.#stop(cause);
      this.#phase = 'closed';
      throw cause;
    }
  }

  /** Takes what is published for the fold; what is held is looked up first. */
  async #begin(published: PublishedSessions): Promise<void> {
    const { table } = this.fold;
    const found = new Map<string, Uint8Array>();
    const asked = new Set<string>();
    for (;;) {
      const keys = table.heldKeys().filter((key) => !asked.has(key));
      if (keys.length === 0) break;
      for (const key of keys) asked.add(key);
      const loaded = await published.load(keys, this.#ending.signal);
      for (const [key, bytes] of loaded) found.set(key, bytes);
    }
    this.fold.restart(published, found);
    this.#reloads += 1;
    this.feed.begun(published);
  }

  /** Where the log was trimmed beyond the fold; for all who find it at once. */
  #reload(logStart: bigint): Promise<void> {
    if (this.#phase !== 'serving') return this.open();
    this.#phase = 'reloading';
    this.#opening = this.#reloadOnce(logStart).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #reloadOnce(logStart: bigint): Promise<void> {
    try {
      const newest = await this.#parts.publications.newest(this.logName, this.#ending.signal);
      const anchor = newest?.at.anchor;
      if (newest === undefined || anchor === undefined || anchor.offset < logStart) {
        const message = `the log begins behind the anchor. start=${logStart} anchor=${anchor?.offset}`;
        throw new ShardStopped('log-trimmed', message, logAdvice);
      }
      // A chunk that was on its way may have brought the fold on: it never goes back.
      if (newest.at.position > this.fold.position) await this.#begin(newest);
    } catch (cause) {
      throw cause instanceof ShardStopped ? this.#stop(cause) : cause;
    } finally {
      if (this.#stopped === undefined) this.#phase = 'serving';
    }
    this.#wake(new Set(this.fold.table.residents()));
  }

  /** Looks sessions up in what is published newer, once the fold has passed it. */
  async moveTo(published: PublishedSessions): Promise<void> {
    await this.catchUp(published.at.position);
    const { table } = this.fold;
    if (this.#phase !== 'serving') return;
    if ((table.published?.at.position ?? -1n) >= published.at.position) return;
    if (this.fold.disagreesWith(published.at)) {
      throw this.#stop(
        new ShardStopped('diverged', 'another fold of this log was published', foldAdvice),
      );
    }
    table.pinPublished(published);
  }

  /** The session, held, where it is here already. */
  tryHold(key: string): FoldedSession | undefined {
    return this.#phase === 'serving' ? this.fold.table.holdResident(key) : undefined;
  }

  /** The sessions of these keys, each held until it is let go. */
  async hold(keys: readonly string[]): Promise<readonly FoldedSession[]> {
    await this.open();
    return this.fold.table.hold(keys, this.#ending.signal);
  }

  /** As `hold`, of one. */
  async holdOne(key: string): Promise<FoldedSession> {
    const [session] = await this.hold([key]);
    return present(session, 'a session that is held');
  }

  letGo(session: FoldedSession): void {
    this.fold.table.letGo(session);
  }

  /** Runs with the session held: it stays what it is as long as that takes. */
  async with<T>(key: string, run: (session: FoldedSession) => T | Promise<T>): Promise<T> {
    const held = this.tryHold(key) ?? (await this.holdOne(key));
    try {
      return await run(held);
    } finally {
      this.letGo(held);
    }
  }

  /**
   * The states of all sessions whose keys begin with a prefix, in no order, each once. What changes
   * meanwhile may be seen as it was or as it is.
   */
  async *scan(prefix: string): AsyncGenerator<SessionState> {
    await this.open();
    yield* this.fold.table.scan(prefix, this.#ending.signal);
  }

  /** Places on a shelf of the catalogue: see `SessionTable`. */
  async catalog(range: CatalogRange, countMax: number): Promise<readonly CatalogPlace[]> {
    await this.open();
    return this.fold.table.catalog(range, countMax, this.#ending.signal);
  }

  /** What its sessions have taken in by days: see `SessionTable`. */
  async *usage(range: UsageRange): AsyncGenerator<UsageRow> {
    await this.open();
    yield* this.fold.table.usage(range, this.#ending.signal);
  }

  /** Tells of every step that changed the session, which stays here until the answer is called. */
  follow(session: FoldedSession, onStep: () => void): () => void {
    this.fold.table.pin(session);
    const followers = this.#followers.get(session) ?? new Set();
    this.#followers.set(session, followers.add(onStep));
    return () => {
      if (!followers.delete(onStep)) return;
      if (followers.size === 0) this.#followers.delete(session);
      this.letGo(session);
    };
  }

  /** Folds up to where the log ends at some moment after this call. */
  async readIndex(): Promise<void> {
    await this.open();
    await this.#foldTo(await this.#bounds());
  }

  /** As `readIndex`; false where the end cannot be asked and what was folded is all that there is. */
  async readIndexIfAsked(): Promise<boolean> {
    await this.open();
    let bounds: ShardBounds;
    try {
      bounds = await this.#bounds();
    } catch (cause) {
      if (!this.#wasCurrent || !isUnavailable(cause)) throw cause;
      return false;
    }
    await this.#foldTo(bounds);
    return true;
  }

  /** Folds all that the log holds now, however long that takes. */
  async foldAll(): Promise<void> {
    await this.open();
    const { end } = await this.#bounds();
    if (this.fold.position < end) await this.catchUp(end);
  }

  async #foldTo({ start, end }: ShardBounds): Promise<void> {
    this.check();
    this.#usedAtMs = this.#parts.clock.monotonicMs();
    const { anchor } = this.fold;
    if (anchor !== undefined && start > anchor.offset) await this.#reload(start);
    // An end that was passed is a lost log, or the answer of a leader that does not know of its
    // fall: what lies at the anchor tells which.
    const { position } = this.fold;
    if (end < position) await this.#compareAgain();
    else if (position < end) await this.#end.inTime(this.catchUp(end));
    this.check();
    this.#wasCurrent = true;
  }

  async #bounds(): Promise<ShardBounds> {
    const { position } = this.fold;
    try {
      return await this.#end.bounds();
    } catch (cause) {
      if (!isMissing(cause)) throw cause;
      if (position > 0n) throw this.#stop(cause);
      throw new Problem('unavailable', 'the log is not there yet', { cause });
    }
  }

  async #compareAgain(): Promise<void> {
    try {
      await this.#end.compare(this.fold.anchor, (lost) => this.#stop(lost));
    } catch (cause) {
      this.check();
      if (isTrimmed(cause)) {
        if (await this.#hasBegunAnew()) return;
        throw new Problem('unavailable', 'the log was trimmed', { cause });
      }
      throw isProblem(cause) ? cause : this.#stop(cause);
    }
  }

  /** Resolves once everything below an offset is folded. */
  catchUp(to: bigint): Promise<void> {
    if (this.#stopped !== undefined) {
      return Promise.reject(stoppedProblem(this.shard, this.#stopped));
    }
    if (this.#ending.signal.aborted) {
      return Promise.reject(new Problem('unavailable', 'shutting down'));
    }
    if (this.isServing && this.fold.position >= to) return Promise.resolve();
    const reached = this.#waiters.wait(to);
    this.#pump.start();
    return reached;
  }

  /** Keeps the log being read; call the answer to let go. */
  retain(): () => void {
    const letGo = this.#pump.retain();
    return () => {
      this.#usedAtMs = this.#parts.clock.monotonicMs();
      letGo();
    };
  }

  /**
   * Folds what this process wrote and the log has at `baseOffset`, where the fold has everything
   * below it. Returns the verdicts.
   */
  foldOwn(written: readonly WrittenRecord[], baseOffset: bigint): readonly boolean[] {
    const touched = new Set<FoldedSession>();
    let offset = Number(baseOffset);
    try {
      return written.map(({ session, record }) => {
        const isValid = this.#fold(session, record, { offset, touched });
        offset += recordCount(record);
        return isValid;
      });
    } catch (cause) {
      throw this.#stop(cause);
    } finally {
      this.#wake(touched);
    }
  }

  #fold(
    session: FoldedSession,
    record: DecidedRecord,
    at: { readonly offset: number; readonly touched: Set<FoldedSession> },
  ): boolean {
    const { offset, touched } = at;
    const isValid = this.fold.fold(session, record, offset);
    if (isValid) touched.add(session);
    this.feed.record({ session, record, offset, isValid });
    return isValid;
  }

  /** Something that only a different log explains, or what `advice` speaks of. */
  stop(reason: StopReason, message: string, advice: string = logAdvice): Problem {
    return this.#stop(new ShardStopped(reason, message, advice));
  }

  /** Lets go of everything where nobody has needed the shard since then. */
  closeIfIdle(sinceMs: number): void {
    const { table } = this.fold;
    const isNeeded =
      this.#phase !== 'serving' ||
      this.#usedAtMs > sinceMs ||
      this.#pump.isRetained ||
      !this.#waiters.isEmpty ||
      table.published === undefined ||
      table.heldKeys().length > 0;
    if (isNeeded) return;
    this.#pump.stop();
    this.#wasCurrent = false;
    this.#phase = 'closed';
    table.clear();
  }

  close(): void {
    this.#ending.abort();
    this.#pump.end();
    this.#waiters.fail(new Problem('unavailable', 'shutting down'));
  }

  /** Of what ended a reading: what cannot be had now is asked for again, and the rest stops the shard. */
  async #recover(cause: unknown): Promise<boolean> {
    if (this.#stopped !== undefined) return false;
    if (isTrimmed(cause)) return this.#hasBegunAnew();
    if (isUnavailable(cause)) this.#failWaiters(cause);
    else if (isMissing(cause) && this.fold.position === 0n) {
      this.#failWaiters(new Problem('unavailable', 'the log is not there yet', { cause }));
    } else this.#stop(cause);
    return false;
  }

  /**
   * Where a reading met a log that was trimmed. It may have begun before a reload that others made
   * meanwhile: where the log begins now tells.
   */
  async #hasBegunAnew(): Promise<boolean> {
    try {
      const { start } = await this.#bounds();
      const { anchor } = this.fold;
      if (start > (anchor?.offset ?? 0n)) await this.#reload(start);
      return true;
    } catch (reason) {
      this.#failWaiters(reason);
      return false;
    }
  }

  #failWaiters(reason: unknown): void {
    this.#waiters.fail(reason);
    this.#pump.stopIfIdle();
  }

  /** Every session of the chunk is here before the first record of it is folded. */
  async #foldChunk(records: readonly StoredRecord[], isNext: () => boolean): Promise<boolean> {
    const { table } = this.fold;
    const { reads, keys, held } = decodeChunk(this.fold, records);
    try {
      if (keys.length > 0) held.push(...(await table.hold(keys, this.#ending.signal)));
      return isNext() && this.#foldReads(reads);
    } finally {
      for (const session of held) this.letGo(session);
    }
  }

  /** Tells whether anything was new. */
  #foldReads(reads: Chunk['reads']): boolean {
    const touched = new Set<FoldedSession>();
    const before = this.fold.position;
    try {
      for (const { offset, key, decoded } of reads) {
        // This process may have folded on by itself while sessions were looked up.
        if (offset < Number(this.fold.position)) continue;
        if (decoded.kind === 'record') {
          const session = this.fold.table.resident(key);
          assert(session !== undefined, 'the sessions of a chunk are here');
          this.#fold(session, decoded.record, { offset, touched });
        } else {
          this.fold.skip(decoded.kind, offset);
        }
      }
      return this.fold.position > before;
    } finally {
      this.#wake(touched);
    }
  }

  #wake(touched: ReadonlySet<FoldedSession>): void {
    this.#waiters.reached(this.fold.position);
    for (const session of touched) {
      for (const follower of this.#followers.get(session) ?? []) follower();
    }
    if (touched.size > 0) this.feed.step(touched);
  }

  #stop(cause: unknown): Problem {
    const stopped = stoppedBy(cause);
    if (stopped === undefined) throw cause;
    if (this.#stopped === undefined) {
      this.#stopped = stopped;
      this.#phase = 'stopped';
      this.#ending.abort();
      this.#pump.end();
      this.#parts.onStopped(this.shard, stopped);
    }
    const problem = stoppedProblem(this.shard, this.#stopped);
    this.#waiters.fail(problem);
    for (const followers of this.#followers.values()) {
      for (const follower of followers) follower();
    }
    return problem;
  }
}

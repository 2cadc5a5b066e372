// One process's folded copy of a shard.
//
// (1) The log is read only while somebody needs it: a follower, or a waiter for an offset.
// (2) Each reading begins at the anchor, the last record folded, and compares it: a log that was
//     replaced or lost is noticed before anything of it is folded.
// (3) A stopped shard stays stopped: everybody who waits hears it, and nothing is served from it.
// (4) A log that was missing when nothing of it was folded is not lost: its topic may be about to be
//     created, and the answer that it is missing may come after it was.

import {
  type Clock,
  type EventLog,
  isFault,
  type Shard,
  type ShardBounds,
  type StoredRecord,
  sleep,
  type Timer,
} from '@tidemark/ports';
import { hasCode, isProblem, limits, Problem } from '@tidemark/protocol';
import { decodeRecord, type SessionRecord } from '@tidemark/session';
import type { HotBudget } from './hot-budget.ts';
import type { ReadIndex } from './read-index.ts';
import {
  type Anchor,
  type FoldedSession,
  ShardFold,
  type ShardFoldOptions,
  ShardStopped,
  type StopReason,
} from './shard-fold.ts';

export interface ReplicaParts {
  readonly log: EventLog;
  readonly readIndex: ReadIndex;
  readonly budget: HotBudget;
  readonly clock: Clock;
  /** The alarm: a shard that stops is an operator's business. */
  readonly onStopped: (shard: Shard, stopped: ShardStopped) => void;
}

/** Hears of every record of ours, as it is folded. */
export type FoldObserver = (
  session: FoldedSession,
  record: SessionRecord,
  isValid: boolean,
) => void;

/** Hears of the sessions that a fold step changed, whoever wrote it. */
export type FoldWatcher = (touched: ReadonlySet<FoldedSession>) => void;

/** How long a log is read on after the last record that only reading told. */
const lingerMs = 2_000;
/** How long a log that is not there yet is left alone. */
const absentMs = 500;

interface Waiter {
  readonly to: bigint;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class ShardReplica {
  readonly shard: Shard;
  readonly fold: ShardFold;
  readonly #parts: ReplicaParts;
  readonly #observers = new Set<FoldObserver>();
  readonly #watchers = new Set<FoldWatcher>();
  #waiters: Waiter[] = [];
  #retained = 0;
  #pump: AbortController | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #lingering: Timer | undefined;
  #comparison: Promise<void> | undefined;
  /** Fires when the shard stops, or the process. */
  readonly #ending = new AbortController();
  #stopped: ShardStopped | undefined;

  constructor(shard: Shard, parts: ReplicaParts, options: ShardFoldOptions) {
    this.shard = shard;
    this.#parts = parts;
    this.fold = new ShardFold(parts.budget, options);
  }

  get stopped(): ShardStopped | undefined {
    return this.#stopped;
  }

  /** Throws where the shard has stopped. */
  check(): void {
    if (this.#stopped !== undefined) throw stoppedProblem(this.shard, this.#stopped);
  }

  observe(observer: FoldObserver): void {
    this.#observers.add(observer);
  }

  watch(watcher: FoldWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Folds up to where the log ends at some moment after this call. */
  async readIndex(): Promise<void> {
    this.check();
    const { start, end } = await this.#bounds();
    this.check();
    const { anchor, position } = this.fold;
    if (anchor !== undefined && start > anchor.offset) {
      const message = `the log begins behind the anchor. start=${start} anchor=${anchor.offset}`;
      throw this.stop('log-trimmed', message);
    }
    // An end that was passed is a lost log, or the answer of a leader that does not know of its
    // fall: what lies at the anchor tells which.
    if (end < position) await this.#compareAgain();
    else if (position < end) await this.#inTime(this.catchUp(end));
    this.check();
  }

  async #bounds(): Promise<ShardBounds> {
    const { position } = this.fold;
    try {
      return await this.#parts.readIndex.boundsOf(this.shard);
    } catch (cause) {
      if (isMissing(cause) && position > 0n) throw this.#stop(cause);
      throw new Problem('unavailable', 'the end of the log is not known', { cause });
    }
  }

  /** Reads the anchor once more, for all who ask: a reading under way has passed it long ago. */
  async #compareAgain(): Promise<void> {
    this.#comparison ??= this.#compareOnce().finally(() => {
      this.#comparison = undefined;
    });
    try {
      await this.#inTime(this.#comparison);
    } catch (cause) {
      this.check();
      throw isProblem(cause) ? cause : this.#stop(cause);
    }
  }

  async #compareOnce(): Promise<void> {
    const { anchor } = this.fold;
    if (anchor === undefined) return;
    const options = { from: anchor.offset, signal: this.#ending.signal };
    for await (const { records } of this.#parts.log.read(this.shard, options)) {
      compareAnchor(anchor, records[0]);
      return;
    }
    throw new Problem('unavailable', 'the shard is closed');
  }

  /** A log that ends before what it is asked for makes its readers wait: not for ever. */
  #inTime(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#parts.clock.schedule(limits.appendDeadlineMs, () => {
        reject(new Problem('unavailable', 'the log does not tell what it should hold'));
      });
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  /** Resolves once everything below an offset is folded. */
  catchUp(to: bigint): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) return reject(stoppedProblem(this.shard, this.#stopped));
      if (this.fold.position >= to) return resolve();
      if (this.#ending.signal.aborted) return reject(new Problem('unavailable', 'shutting down'));
      this.#waiters.push({ to, resolve, reject });
      this.#ensurePump();
    });
  }

  /** Keeps the log being read; call the answer to let go. */
  retain(): () => void {
    this.#retained += 1;
    this.#ensurePump();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#retained -= 1;
      this.#endIdlePump();
    };
  }

  /**
   * Folds what this process wrote and the log has at `baseOffset`, where the fold has everything
   * below it. Returns the verdicts.
   */
  foldOwn(
    written: readonly { readonly session: FoldedSession; readonly record: SessionRecord }[],
    baseOffset: bigint,
  ): readonly boolean[] {
    const touched = new Set<FoldedSession>();
    const base = Number(baseOffset);
    try {
      const verdicts = written.map(({ session, record }, index) => {
        const isValid = this.fold.foldOwn(session, record, base + index);
        if (isValid) touched.add(session);
        return isValid;
      });
      return verdicts;
    } catch (cause) {
      throw this.#stop(cause);
    } finally {
      this.#wake(touched);
    }
  }

  /** Something that only a different log explains, or what `advice` speaks of. */
  stop(reason: StopReason, message: string, advice: string = logAdvice): Problem {
    return this.#stop(new ShardStopped(reason, message, advice));
  }

  close(): void {
    this.#lingering?.cancel();
    this.#ending.abort();
    this.#pump?.abort();
    const closing = new Problem('unavailable', 'shutting down');
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closing);
  }

  #ensurePump(): void {
    if (this.#pump !== undefined || this.#stopped !== undefined) return;
    const pump = new AbortController();
    this.#pump = pump;
    void this.#run(pump);
  }

  /** Others who write here make it worth reading on for a while. */
  #endIdlePump(): void {
    if (this.#retained > 0 || this.#waiters.length > 0 || this.#lingering !== undefined) return;
    const { clock } = this.#parts;
    const restMs = this.#readAtMs + lingerMs - clock.monotonicMs();
    if (restMs <= 0) {
      this.#pump?.abort();
      this.#pump = undefined;
      return;
    }
    this.#lingering = clock.schedule(restMs, () => {
      this.#lingering = undefined;
      this.#endIdlePump();
    });
  }

  async #run(pump: AbortController): Promise<void> {
    while (!pump.signal.aborted) {
      const { position } = this.fold;
      try {
        return await this.#readOn(pump);
      } catch (cause) {
        if (pump.signal.aborted) return;
        if (!isMissing(cause) || position > 0n) {
          this.#stop(cause);
          return;
        }
        const problem = new Problem('unavailable', 'the log is not there yet', { cause });
        for (const waiter of this.#waiters.splice(0)) waiter.reject(problem);
        this.#endIdlePump();
      }
      await sleep(this.#parts.clock, absentMs, pump.signal).catch(() => undefined);
    }
  }

  async #readOn(pump: AbortController): Promise<void> {
    const { anchor } = this.fold;
    let isAnchored = anchor === undefined;
    const from = anchor?.offset ?? this.fold.position;
    const skipTo = (): bigint => (isAnchored ? this.fold.position : from);
    const chunks = this.#parts.log.read(this.shard, { from, skipTo, signal: pump.signal });
    for await (const { records } of chunks) {
      if (pump.signal.aborted) return;
      if (!isAnchored) {
        compareAnchor(anchor, records[0]);
        isAnchored = true;
      }
      this.#foldChunk(records);
      this.#endIdlePump();
      if (pump.signal.aborted) return;
    }
  }

  #foldChunk(records: readonly StoredRecord[]): void {
    const touched = new Set<FoldedSession>();
    const nowMs = this.#parts.clock.monotonicMs();
    try {
      for (const record of records) {
        if (record.offset < this.fold.position) continue;
        this.#readAtMs = nowMs;
        const folded = this.fold.fold(record);
        if (folded === undefined) continue;
        if (folded.isValid) touched.add(folded.session);
        for (const observer of this.#observers) {
          observer(folded.session, folded.record, folded.isValid);
        }
      }
    } finally {
      this.#wake(touched);
    }
  }

  #wake(touched: ReadonlySet<FoldedSession>): void {
    const { position } = this.fold;
    if (this.#waiters.some(({ to }) => to <= position)) {
      const ready = this.#waiters.filter(({ to }) => to <= position);
      this.#waiters = this.#waiters.filter(({ to }) => to > position);
      for (const waiter of ready) waiter.resolve();
    }
    for (const session of touched) {
      for (const follower of session.followers) follower();
    }
    for (const watcher of this.#watchers) watcher(touched);
  }

  #stop(cause: unknown): Problem {
    const stopped = cause instanceof ShardStopped ? cause : stoppedBy(cause);
    if (stopped === undefined) throw cause;
    if (this.#stopped === undefined) {
      this.#stopped = stopped;
      this.#ending.abort();
      this.#pump?.abort();
      this.#parts.onStopped(this.shard, stopped);
    }
    const problem = stoppedProblem(this.shard, this.#stopped);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(problem);
    for (const session of this.fold.sessions()) {
      for (const follower of session.followers) follower();
    }
    return problem;
  }
}

/** The anchor as it was when the reading began: this process may fold on while the answer comes. */
function compareAnchor(anchor: Anchor | undefined, first: StoredRecord | undefined): void {
  if (first === undefined || anchor === undefined) return;
  const decoded = decodeRecord(first);
  const id = decoded.kind === 'record' ? decoded.record.id : '';
  if (first.offset === anchor.offset && id === anchor.id) return;
  throw new ShardStopped(
    'log-replaced',
    `another record lies at the anchor. offset=${anchor.offset} found=${first.offset}`,
    logAdvice,
  );
}

const isMissing = (cause: unknown): boolean => isFault(cause) && cause.reason === 'missing';

const logAdvice =
  'Kafka lost or replaced this log: compare the topic with its backups before anything is written, ' +
  'then recover into a new log epoch';

const stopReasons: Partial<Record<string, StopReason>> = {
  'below-start': 'log-trimmed',
  'above-end': 'log-lost',
  missing: 'log-lost',
  corrupt: 'corrupt',
};

function stoppedBy(cause: unknown): ShardStopped | undefined {
  if (!isFault(cause)) return undefined;
  const reason = stopReasons[cause.reason];
  return reason === undefined ? undefined : new ShardStopped(reason, cause.message, logAdvice);
}

function stoppedProblem(shard: Shard, stopped: ShardStopped): Problem {
  const detail = `the shard waits for its operator. reason=${stopped.reason} shard=${shard}`;
  return new Problem('shard-stopped', detail, { cause: stopped });
}

/** Whether serving what is folded is still honest: the log cannot be asked, but it was not lost. */
export const isUnavailable = (cause: unknown): boolean =>
  isProblem(cause) && hasCode(cause, 'unavailable');

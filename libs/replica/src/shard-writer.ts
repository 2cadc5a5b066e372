// Writes to one shard. There is no leader: this writer decides on what it has folded, and the log
// says whether that was still so.
//
// (1) At most one batch is on its way; what arrives meanwhile goes into the next.
// (2) A batch is decided while its request is formed, on the fold and what precedes it in the batch.
// (3) An answer is given from the fold's verdict at the offset that the log told, never from the log's
//     acknowledgement alone.
// (4) While an outcome is unknown, the same bytes are produced again, also after the caller has gone.
// (5) Where the base is where the fold stands, and the leader and its connection are those that were
//     read from, nothing is fetched. Anything else is read back first.
// (6) An answer that writes nothing is given after a read-index, on committed state.
// (7) Nothing but its genesis is written to a log whose epoch is not folded: any other record would
//     carry an epoch of its own, and stop the shard for good.
// (8) What is void though nobody came between is not decided again: it would be void for ever.
//
// idle -> sealed      #seal         (the log forms a request)
// sealed -> idle      #settleCommitted, #settleRefused
// sealed -> unknown   #settleUnknown
// unknown -> sealed   #send         (the same bytes)

import {
  type AppendOutcome,
  batchBytesMax,
  type Clock,
  type EventLog,
  type LogRecord,
  type Prng,
  type Timer,
} from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import { type Command, type DecideContext, type Reply, recordCount } from '@tidemark/session';
import { assert, present, Queue } from '@tidemark/std';
import { Fairness } from './fairness.ts';
import type { FoldedRecord } from './feed.ts';
import { Flight, type FlightWrite } from './flight.ts';
import type { FoldedSession } from './folded-session.ts';
import { type Asked, asProblem, bytesIn, PendingCommand } from './pending-command.ts';
import type { ShardReplica } from './shard-replica.ts';
import type { WriterMetrics } from './writer-metrics.ts';
import { type WriterSettings, writerDefaults } from './writer-settings.ts';

export interface WriterParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly metrics: WriterMetrics;
}

/** How soon it is looked again whether there is room for more. */
const roomMs = 10;

/** Leaves room for the head of the batch itself, in whatever log. */
const flightBytesMax = batchBytesMax - 1_024;

export class ShardWriter {
  readonly #replica: ShardReplica;
  readonly #parts: WriterParts;
  readonly #settings: WriterSettings;
  readonly #fairness: Fairness;
  readonly #queue = new Queue<PendingCommand>();
  /** What was decided to write nothing, and waits for the end of the log to say so. */
  readonly #answering = new Set<PendingCommand>();
  #queuedBytes = 0;
  #flight: Flight | undefined;
  #isAsking = false;
  #tenure: string | undefined;
  #failures = 0;
  #deadlineTimer: Timer | undefined;
  #holdTimer: Timer | undefined;
  #heldCount = 0;
  #isClosed = false;
  #isFoldingOwn = false;
  #loadingCount = 0;

  constructor(
    replica: ShardReplica,
    parts: WriterParts,
    settings: WriterSettings = writerDefaults,
  ) {
    this.#replica = replica;
    this.#parts = parts;
    this.#settings = settings;
    this.#fairness = new Fairness(settings);
    replica.feed.listen({ record: (folded) => this.#sawRecord(folded) });
  }

  #sawRecord({ session, record, isValid }: FoldedRecord): void {
    // Runs are only what a writer folds itself.
    if (this.#isFoldingOwn || record.kind === 'run') return;
    const flight = this.#flight;
    if (flight?.owns(record.id) === true) flight.sawVerdict(record.id, isValid);
    else if (isValid) this.#fairness.sawForeignRecord(session.key);
    else this.#fairness.sawForeignVoid(session.key, this.#parts.clock.monotonicMs());
  }

  /** Resolves once what was decided stands, or needs nothing to be written. Rejects with a Problem. */
  submit(key: string, command: Command): Promise<Reply> {
    const deadlineMs = this.#parts.clock.monotonicMs() + this.#settings.deadlineMs;
    const session = this.#replica.tryHold(key);
    if (session !== undefined) return this.#enqueue({ session, command, deadlineMs });
    return this.#load(key, bytesIn(command)).then((loaded) =>
      this.#enqueue({ session: loaded, command, deadlineMs }),
    );
  }

  /** What waits for its session waits like everything else: so many, and no more. */
  async #load(key: string, bytes: number): Promise<FoldedSession> {
    this.#checkRoom(bytes);
    this.#loadingCount += 1;
    this.#queuedBytes += bytes;
    try {
      return await this.#replica.holdOne(key);
    } finally {
      this.#loadingCount -= 1;
      this.#queuedBytes -= bytes;
    }
  }

  #checkRoom(bytes: number): void {
    if (this.#isClosed) throw new Problem('unavailable', 'shutting down');
    const isFull =
      this.#queue.size + this.#loadingCount >= this.#settings.queueCountMax ||
      this.#queuedBytes + bytes > this.#settings.queueBytesMax;
    if (isFull) throw new Problem('overloaded', 'too many appends are waiting');
  }

  #enqueue(asked: Asked): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const release = (): void => this.#replica.letGo(asked.session);
      const pending = new PendingCommand(asked, { resolve, reject, release });
      try {
        this.#checkRoom(pending.bytes);
      } catch (cause) {
        return pending.refuse(asProblem(cause));
      }
      this.#queue.push(pending);
      this.#queuedBytes += pending.bytes;
      this.#watchDeadlines();
      this.#ask();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#deadlineTimer?.cancel();
    this.#holdTimer?.cancel();
    for (const pending of [...this.#queue.drain(), ...this.#answering]) {
      pending.refuse(new Problem('unavailable', 'shutting down'));
    }
    for (const { pending } of this.#flight?.writes ?? []) {
      pending.refuse(new Problem('outcome-unknown', 'shutting down'));
    }
  }

  /** Asks the log for a place in its next request. */
  #ask(): void {
    if (this.#isAsking || this.#flight !== undefined || this.#queue.size === 0) return;
    const { stopped } = this.#replica;
    if (stopped !== undefined) return this.#refuseAll();
    if (this.#replica.isFull) return this.#awaitRoom();
    this.#isAsking = true;
    this.#produce(() => this.#seal());
  }

  /** Whoever waits longer than its deadline is refused by that. */
  #awaitRoom(): void {
    this.#isAsking = true;
    this.#parts.clock.schedule(roomMs, () => {
      this.#isAsking = false;
      if (!this.#isClosed) this.#ask();
    });
  }

  #produce(source: () => readonly LogRecord[]): void {
    const { shard } = this.#replica;
    const outcome = this.#parts.log.append(new Map([[shard, source]])).get(shard);
    void present(outcome, 'outcome of the shard').then((settled) => this.#settle(settled));
  }

  #seal(): readonly LogRecord[] {
    const { clock } = this.#parts;
    const flight = new Flight(this.#replica);
    const nowMs = clock.monotonicMs();
    const context = this.#context();
    const held: PendingCommand[] = [];
    let heldForMs = Number.POSITIVE_INFINITY;
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      const { key } = next.session;
      const forMs = this.#fairness.isEmpty ? 0 : this.#fairness.heldForMs(key, nowMs);
      if (next.isDone) {
        // Whoever asked has its answer.
      } else if (forMs > 0) {
        held.push(next);
        heldForMs = Math.min(heldForMs, forMs);
      } else if (!this.#decide(flight, next, context)) {
        break;
      }
      this.#queue.shift();
      this.#queuedBytes -= next.bytes;
    }
    this.#heldCount = held.length;
    if (held.length > 0) this.#hold(held, heldForMs);
    if (flight.writes.length === 0) return [];
    this.#flight = flight;
    flight.attempts = 1;
    flight.sentAtMs = nowMs;
    return flight.seal();
  }

  #context(): DecideContext {
    const { clock, prng } = this.#parts;
    return {
      nowMs: clock.nowMs(),
      logEpoch: this.#replica.fold.logEpoch ?? prng.hex(16),
      level: this.#replica.fold.level,
      newIds: (count) => prng.hex(16 * count),
    };
  }

  /** Whether there was room in the batch for what it came to. */
  #decide(flight: Flight, pending: PendingCommand, context: DecideContext): boolean {
    const decision = flight.decide(pending, context);
    if (decision.kind !== 'write') {
      void this.#answerCommitted(pending);
      return true;
    }
    if (this.#replica.fold.logEpoch === undefined && pending.command.kind !== 'genesis') {
      pending.refuse(new Problem('unavailable', 'the log has not begun'));
      return true;
    }
    const { records, reply } = decision;
    const write = flight.encode({ pending, records, reply });
    const hasRoom = flight.bytes + write.bytes <= flightBytesMax;
    if (hasRoom) flight.add(write);
    else if (flight.writes.length === 0) pending.refuse(tooLarge());
    return hasRoom || flight.writes.length === 0;
  }

  #hold(held: readonly PendingCommand[], forMs: number): void {
    this.#requeue(held);
    this.#holdTimer?.cancel();
    this.#holdTimer = this.#parts.clock.schedule(forMs, () => {
      this.#holdTimer = undefined;
      this.#ask();
    });
  }

  #requeue(pendings: readonly PendingCommand[]): void {
    for (const pending of pendings) this.#queuedBytes += pending.bytes;
    this.#queue.unshift(pendings);
  }

  /** What writes nothing is a read: it is decided again, on state no older than this moment. */
  async #answerCommitted(pending: PendingCommand): Promise<void> {
    this.#answering.add(pending);
    try {
      await this.#replica.readIndex();
    } catch (cause) {
      return pending.refuse(asProblem(cause));
    } finally {
      this.#answering.delete(pending);
    }
    if (pending.isDone) return;
    const flight = new Flight(this.#replica);
    const decision = flight.decide(pending, this.#context());
    if (decision.kind === 'answer') pending.accept(decision.reply);
    else if (decision.kind === 'problem') pending.refuse(decision.problem);
    else {
      this.#requeue([pending]);
      this.#watchDeadlines();
      this.#ask();
    }
  }

  #settle(outcome: AppendOutcome | undefined): void {
    this.#isAsking = false;
    const flight = this.#flight;
    if (flight === undefined) {
      // Nothing was sent. What is held comes back by its timer; what came since need not wait for it.
      if (this.#holdTimer === undefined || this.#queue.size > this.#heldCount) this.#ask();
      return;
    }
    assert(outcome !== undefined, 'a batch that was sent has an outcome');
    if (outcome.kind === 'committed') {
      void this.#settleCommitted(flight, outcome);
    } else if (outcome.kind === 'not-committed' && !flight.hadUnknown) {
      this.#settleRefused(flight, outcome);
    } else {
      this.#settleUnknown(flight);
    }
  }

  async #settleCommitted(
    flight: Flight,
    { baseOffset, tenure }: Extract<AppendOutcome, { kind: 'committed' }>,
  ): Promise<void> {
    const { fold } = this.#replica;
    const { metrics, clock } = this.#parts;
    this.#failures = 0;
    this.#fairness.sawRoundTrip(clock.monotonicMs() - flight.sentAtMs);
    metrics.batches.add(1);
    try {
      if (baseOffset < flight.knownEnd) {
        const known = `base=${baseOffset} known=${flight.knownEnd}`;
        throw this.#replica.stop('log-lost', `the log gave an offset that it had given. ${known}`);
      }
      if (fold.position === baseOffset && tenure === this.#tenure) {
        metrics.fetchFree.add(1);
        flight.sawVerdicts(this.#foldOwn(flight, baseOffset));
      } else {
        await this.#replica.catchUp(baseOffset + BigInt(flight.batch.length));
        this.#tenure = tenure;
      }
    } catch (cause) {
      return this.#finishStopped(flight, cause);
    }
    this.#finish(flight, baseOffset === flight.knownEnd);
  }

  #foldOwn(flight: Flight, baseOffset: bigint): readonly boolean[] {
    this.#isFoldingOwn = true;
    try {
      return this.#replica.foldOwn(flight.written, baseOffset);
    } finally {
      this.#isFoldingOwn = false;
    }
  }

  /** `isAlone`: the batch was decided on everything that lies before it. */
  #finish(flight: Flight, isAlone: boolean): void {
    const { appended, voided } = this.#parts.metrics;
    this.#tellTime(flight);
    const again: PendingCommand[] = [];
    let [place, told, standing] = [0, 0, 0];
    for (const write of flight.writes) {
      const count = write.records.reduce((sum, record) => sum + recordCount(record), 0);
      if (flight.stands(write, place)) {
        standing += count;
        answerStanding(write);
      } else if (flight.isInDoubt) {
        write.pending.refuse(new Problem('outcome-unknown', 'the log was trimmed meanwhile'));
      } else if (isAlone && again.length === 0 && standing === told) {
        write.pending.refuse(new Problem('internal', 'the fold does not take what was decided'));
      } else if (!write.pending.isDone) {
        again.push(write.pending);
      }
      place += write.records.length;
      told += count;
    }
    appended.add(standing);
    if (standing < told) voided.add(told - standing);
    this.#endFlight(flight);
    this.#requeue(again);
    this.#ask();
  }

  /** Of the command that has waited longest: once for a batch, whatever it holds. */
  #tellTime({ writes }: Flight): void {
    const { clock, metrics } = this.#parts;
    const { deadlineMs } = present(writes[0], 'a write of a flight').pending;
    const cameMs = deadlineMs - this.#settings.deadlineMs;
    metrics.commitSeconds.observe((clock.monotonicMs() - cameMs) / 1_000);
  }

  #endFlight(flight: Flight): void {
    this.#flight = undefined;
    flight.letGo();
  }

  #finishStopped(flight: Flight, cause: unknown = this.#replica.stopped): void {
    this.#endFlight(flight);
    // The batch is, or may be, in the log; whether it stands, a stopped shard cannot say.
    const unknown = new Problem('outcome-unknown', 'the shard stopped', { cause });
    for (const { pending } of flight.writes) pending.refuse(unknown);
    this.#refuseAll();
  }

  #refuseAll(): void {
    const problem = new Problem('shard-stopped', 'the shard waits for its operator');
    for (const pending of this.#queue.drain()) pending.refuse(problem);
    this.#queuedBytes = 0;
  }

  /** Nothing of the batch is or ever will be in the log. */
  #settleRefused(flight: Flight, outcome: Extract<AppendOutcome, { kind: 'not-committed' }>): void {
    this.#endFlight(flight);
    const pendings = flight.writes.map(({ pending }) => pending);
    if (outcome.retryable) {
      this.#requeue(pendings.filter(({ isDone }) => !isDone));
      this.#later(() => this.#ask());
      return;
    }
    const code = outcome.reason === 'full' ? 'storage-full' : 'unavailable';
    for (const pending of pendings) pending.refuse(new Problem(code, outcome.reason));
    this.#ask();
  }

  #settleUnknown(flight: Flight): void {
    flight.hadUnknown = true;
    this.#parts.metrics.unknown.add(1);
    this.#later(() => {
      // A log that was lost or replaced is no place for these bytes.
      if (this.#replica.stopped !== undefined) return this.#finishStopped(flight);
      flight.attempts += 1;
      this.#isAsking = true;
      this.#produce(() => flight.batch);
    });
  }

  /** Waits longer each time in a row. */
  #later(run: () => void): void {
    const { retryMsMin, retryMsMax } = this.#settings;
    const delayMs = Math.min(retryMsMin * 2 ** Math.min(this.#failures, 16), retryMsMax);
    this.#failures += 1;
    this.#isAsking = true;
    this.#parts.clock.schedule(delayMs, () => {
      this.#isAsking = false;
      if (!this.#isClosed) run();
    });
  }

  #watchDeadlines(): void {
    if (this.#deadlineTimer !== undefined) return;
    let nextMs = Math.min(this.#queue.peek()?.deadlineMs ?? Infinity, this.#flightDeadlineMs());
    for (const { deadlineMs } of this.#answering) nextMs = Math.min(nextMs, deadlineMs);
    if (nextMs === Infinity) return;
    const delayMs = Math.max(0, nextMs - this.#parts.clock.monotonicMs());
    this.#deadlineTimer = this.#parts.clock.schedule(delayMs, () => {
      this.#deadlineTimer = undefined;
      this.#refuseLate();
      this.#watchDeadlines();
    });
  }

  #flightDeadlineMs(): number {
    const waiting = this.#flight?.writes.find(({ pending }) => !pending.isDone);
    return waiting?.pending.deadlineMs ?? Infinity;
  }

  #refuseLate(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const { pending } of this.#flight?.writes ?? []) {
      if (pending.deadlineMs > nowMs) continue;
      pending.refuse(new Problem('outcome-unknown', 'the log has not answered in time'));
    }
    for (const pending of this.#answering) {
      if (pending.deadlineMs > nowMs) continue;
      this.#answering.delete(pending);
      pending.refuse(new Problem('unavailable', 'the end of the log is not told in time'));
    }
    for (let head = this.#queue.peek(); head !== undefined; head = this.#queue.peek()) {
      if (!head.isDone && head.deadlineMs > nowMs) break;
      this.#queue.shift();
      this.#queuedBytes -= head.bytes;
      head.refuse(new Problem('unavailable', 'the log took nothing in time'));
    }
  }
}

const tooLarge = (): Problem =>
  new Problem('too-large', 'more than one batch of the log takes, keys and headers counted', {
    facts: { limit: 'batchBytesMax', limitBytes: batchBytesMax },
  });

function answerStanding({ pending, reply }: FlightWrite): void {
  if (reply instanceof Problem) pending.refuse(reply);
  else pending.accept(reply);
}

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
  type Counter,
  type EventLog,
  type LogRecord,
  type Prng,
  type Timer,
} from '@tidemark/ports';
import { limits, Problem } from '@tidemark/protocol';
import type { Command, DecideContext, Reply } from '@tidemark/session';
import { assert, present, Queue } from '@tidemark/std';
import { Fairness, type FairnessBounds } from './fairness.ts';
import { Flight, type FlightWrite, type Pending } from './flight.ts';
import type { ShardReplica } from './shard-replica.ts';

export interface WriterParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly metrics: WriterMetrics;
}

export interface WriterMetrics {
  readonly appended: Counter;
  readonly voided: Counter;
  readonly unknown: Counter;
  readonly batches: Counter;
  readonly fetchFree: Counter;
}

export interface WriterSettings extends FairnessBounds {
  /** Commands that may wait, and their bytes, before more are refused. */
  readonly queueCountMax: number;
  readonly queueBytesMax: number;
  readonly deadlineMs: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

export const writerDefaults: WriterSettings = {
  queueCountMax: 16_384,
  queueBytesMax: 64 * 1024 * 1024,
  deadlineMs: limits.appendDeadlineMs,
  retryMsMin: 20,
  retryMsMax: 1_000,
  holdMsMin: 1,
  holdMsMax: 100,
};

/** Leaves room for the head of the batch itself, in whatever log. */
const flightBytesMax = batchBytesMax - 1_024;

/** What an event takes while it waits, beside its bytes: its view of the body, and what points there. */
const waitingEventBytes = 128;

/** What a command holds in memory while it waits. */
function bytesIn(command: Command): number {
  if (command.kind === 'fact') return command.bytes ?? 0;
  if (command.kind !== 'append' && command.kind !== 'create') return 0;
  let bytes = waitingEventBytes * command.events.length;
  for (const event of command.events) bytes += event.length;
  const ids = command.kind === 'append' ? (command.eventIds ?? []) : [];
  for (const id of ids) bytes += id.length;
  return bytes;
}

export class ShardWriter {
  readonly #replica: ShardReplica;
  readonly #parts: WriterParts;
  readonly #settings: WriterSettings;
  readonly #fairness: Fairness;
  readonly #queue = new Queue<Pending>();
  /** What was decided to write nothing, and waits for the end of the log to say so. */
  readonly #answering = new Set<Pending>();
  #queuedBytes = 0;
  #flight: Flight | undefined;
  #isAsking = false;
  #tenure: string | undefined;
  #failures = 0;
  #deadlineTimer: Timer | undefined;
  #holdTimer: Timer | undefined;
  #heldCount = 0;
  #isClosed = false;

  constructor(
    replica: ShardReplica,
    parts: WriterParts,
    settings: WriterSettings = writerDefaults,
  ) {
    this.#replica = replica;
    this.#parts = parts;
    this.#settings = settings;
    this.#fairness = new Fairness(settings);
    replica.observe((session, record, isValid) => {
      const flight = this.#flight;
      if (flight?.owns(record.id) === true) flight.sawVerdict(record.id, isValid);
      else if (isValid) this.#fairness.sawForeignRecord(session.key);
      else this.#fairness.sawForeignVoid(session.key, parts.clock.monotonicMs());
    });
  }

  /** Resolves once what was decided stands, or needs nothing to be written. Rejects with a Problem. */
  submit(key: string, command: Command): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new Problem('unavailable', 'shutting down'));
      const bytes = bytesIn(command);
      const isFull =
        this.#queue.size >= this.#settings.queueCountMax ||
        this.#queuedBytes + bytes > this.#settings.queueBytesMax;
      if (isFull) return reject(new Problem('overloaded', 'too many appends are waiting'));
      const deadlineMs = this.#parts.clock.monotonicMs() + this.#settings.deadlineMs;
      this.#queue.push({ key, command, bytes, deadlineMs, resolve, reject, isDone: false });
      this.#queuedBytes += bytes;
      this.#watchDeadlines();
      this.#ask();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#deadlineTimer?.cancel();
    this.#holdTimer?.cancel();
    for (const pending of [...this.#queue.drain(), ...this.#answering]) {
      refuse(pending, new Problem('unavailable', 'shutting down'));
    }
    for (const { pending } of this.#flight?.writes ?? []) {
      refuse(pending, new Problem('outcome-unknown', 'shutting down'));
    }
  }

  /** Asks the log for a place in its next request. */
  #ask(): void {
    if (this.#isAsking || this.#flight !== undefined || this.#queue.size === 0) return;
    const { stopped } = this.#replica;
    if (stopped !== undefined) return this.#refuseAll();
    this.#isAsking = true;
    this.#produce(() => this.#seal());
  }

  #produce(source: () => readonly LogRecord[]): void {
    const { shard } = this.#replica;
    const outcome = this.#parts.log.append(new Map([[shard, source]])).get(shard);
    void present(outcome, 'outcome of the shard').then((settled) => this.#settle(settled));
  }

  #seal(): readonly LogRecord[] {
    const { clock } = this.#parts;
    const flight = new Flight(this.#replica.fold);
    const nowMs = clock.monotonicMs();
    const context = this.#context();
    const held: Pending[] = [];
    let heldForMs = Number.POSITIVE_INFINITY;
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      const forMs = this.#fairness.isEmpty ? 0 : this.#fairness.heldForMs(next.key, nowMs);
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
    return flight.seal(this.#replica.fold.position);
  }

  #context(): DecideContext {
    const { clock, prng } = this.#parts;
    return {
      nowMs: clock.nowMs(),
      logEpoch: this.#replica.fold.logEpoch ?? prng.hex(16),
      level: this.#replica.fold.level,
      newId: () => prng.hex(16),
    };
  }

  /** Whether there was room in the batch for what it came to. */
  #decide(flight: Flight, pending: Pending, context: DecideContext): boolean {
    const decision = flight.decide(pending, context);
    if (decision.kind !== 'write') {
      void this.#answerCommitted(pending);
      return true;
    }
    if (this.#replica.fold.logEpoch === undefined && pending.command.kind !== 'genesis') {
      refuse(pending, new Problem('unavailable', 'the log has not begun'));
      return true;
    }
    const { records, reply } = decision;
    const write = flight.encode({ pending, records, reply });
    const hasRoom = flight.bytes + write.bytes <= flightBytesMax;
    if (hasRoom) flight.add(write);
    else if (flight.writes.length === 0) refuse(pending, tooLarge());
    return hasRoom || flight.writes.length === 0;
  }

  #hold(held: readonly Pending[], forMs: number): void {
    this.#requeue(held);
    this.#holdTimer?.cancel();
    this.#holdTimer = this.#parts.clock.schedule(forMs, () => {
      this.#holdTimer = undefined;
      this.#ask();
    });
  }

  #requeue(pendings: readonly Pending[]): void {
    for (const pending of pendings) this.#queuedBytes += pending.bytes;
    this.#queue.unshift(pendings);
  }

  /** What writes nothing is a read: it is decided again, on state no older than this moment. */
  async #answerCommitted(pending: Pending): Promise<void> {
    this.#answering.add(pending);
    try {
      await this.#replica.readIndex();
    } catch (cause) {
      return refuse(pending, asProblem(cause));
    } finally {
      this.#answering.delete(pending);
    }
    if (pending.isDone) return;
    const flight = new Flight(this.#replica.fold);
    const decision = flight.decide(pending, this.#context());
    if (decision.kind === 'answer') accept(pending, decision.reply);
    else if (decision.kind === 'problem') refuse(pending, decision.problem);
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
        flight.sawVerdicts(this.#replica.foldOwn(flight.written, baseOffset));
      } else {
        await this.#replica.catchUp(baseOffset + BigInt(flight.batch.length));
        this.#tenure = tenure;
      }
    } catch (cause) {
      return this.#finishStopped(flight, cause);
    }
    this.#finish(flight, baseOffset === flight.knownEnd);
  }

  /** `isAlone`: the batch was decided on everything that lies before it. */
  #finish(flight: Flight, isAlone: boolean): void {
    const { appended, voided } = this.#parts.metrics;
    const again: Pending[] = [];
    let first = 0;
    let standing = 0;
    for (const write of flight.writes) {
      const { length } = write.records;
      if (flight.stands(write, first)) {
        standing += length;
        answerStanding(write);
      } else if (isAlone && again.length === 0 && standing === first) {
        refuse(write.pending, new Problem('internal', 'the fold does not take what was decided'));
      } else if (!write.pending.isDone) {
        again.push(write.pending);
      }
      first += length;
    }
    appended.add(standing);
    if (standing < first) voided.add(first - standing);
    this.#flight = undefined;
    this.#requeue(again);
    this.#ask();
  }

  #finishStopped(flight: Flight, cause: unknown = this.#replica.stopped): void {
    this.#flight = undefined;
    // The batch is, or may be, in the log; whether it stands, a stopped shard cannot say.
    const unknown = new Problem('outcome-unknown', 'the shard stopped', { cause });
    for (const { pending } of flight.writes) refuse(pending, unknown);
    this.#refuseAll();
  }

  #refuseAll(): void {
    const problem = new Problem('shard-stopped', 'the shard waits for its operator');
    for (const pending of this.#queue.drain()) refuse(pending, problem);
    this.#queuedBytes = 0;
  }

  /** Nothing of the batch is or ever will be in the log. */
  #settleRefused(flight: Flight, outcome: Extract<AppendOutcome, { kind: 'not-committed' }>): void {
    this.#flight = undefined;
    const pendings = flight.writes.map(({ pending }) => pending);
    if (outcome.retryable) {
      this.#requeue(pendings.filter(({ isDone }) => !isDone));
      this.#later(() => this.#ask());
      return;
    }
    const code = outcome.reason === 'full' ? 'storage-full' : 'unavailable';
    for (const pending of pendings) refuse(pending, new Problem(code, outcome.reason));
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
      refuse(pending, new Problem('outcome-unknown', 'the log has not answered in time'));
    }
    for (const pending of this.#answering) {
      if (pending.deadlineMs > nowMs) continue;
      this.#answering.delete(pending);
      refuse(pending, new Problem('unavailable', 'the end of the log is not told in time'));
    }
    for (let head = this.#queue.peek(); head !== undefined; head = this.#queue.peek()) {
      if (!head.isDone && head.deadlineMs > nowMs) break;
      this.#queue.shift();
      this.#queuedBytes -= head.bytes;
      refuse(head, new Problem('unavailable', 'the log took nothing in time'));
    }
  }
}

const tooLarge = (): Problem =>
  new Problem('too-large', 'more than one batch of the log takes, keys and headers counted', {
    facts: { limit: 'batchBytesMax', limitBytes: batchBytesMax },
  });

function answerStanding({ pending, reply }: FlightWrite): void {
  if (reply instanceof Problem) refuse(pending, reply);
  else accept(pending, reply);
}

function accept(pending: Pending, reply: Reply): void {
  if (pending.isDone) return;
  pending.isDone = true;
  pending.resolve(reply);
}

function refuse(pending: Pending, problem: Problem): void {
  if (pending.isDone) return;
  pending.isDone = true;
  pending.reject(problem);
}

const asProblem = (cause: unknown): Problem =>
  cause instanceof Problem ? cause : new Problem('internal', 'unexpected failure', { cause });

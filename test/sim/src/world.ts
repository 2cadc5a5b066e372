// Everything there is in one run: the log, the processes, the clients, and what was seen of them.

import type { EventLog, LogRecord, Shard } from '@tidemark/ports';
import {
  type FaultKind,
  randomFaults,
  SeededPrng,
  SimulatedClock,
  SimulatedEventLog,
  SimulatedObjectStore,
} from '@tidemark/ports/testing';
import { hasCode, isProblem } from '@tidemark/protocol';
import type { ShardFold } from '@tidemark/replica';
import { SimulatedPublications } from '@tidemark/replica/testing';
import { textOf } from '@tidemark/std';
import { AgentRuns } from './agent-runs.ts';
import { Bodies } from './bodies.ts';
import { Client } from './client.ts';
import { makeWakeStreams } from './drain.ts';
import type { Following } from './following.ts';
import { Incarnation } from './incarnation.ts';
import { type Named, namesOf } from './names.ts';
import type { Answered } from './operate.ts';
import type { Plan } from './plan.ts';
import { withOutcomes } from './process-ports.ts';
import { Recorder } from './recorder.ts';
import { type SubscriptionSpec, specsOf } from './subscription-spec.ts';
import type { HeldWake } from './wake.ts';
import { Webhooks } from './webhooks.ts';
import { Worker } from './worker.ts';

export interface WorldOptions {
  readonly plan: Plan;
  readonly wrapLog: (log: EventLog) => EventLog;
  readonly onFold: (fold: ShardFold, isOld: boolean) => void;
}

export class World {
  readonly plan: Plan;
  readonly prng: SeededPrng;
  readonly clock = new SimulatedClock();
  readonly log: SimulatedEventLog;
  readonly recorder: Recorder;
  readonly bodies = new Bodies();
  readonly names: readonly Named[];
  readonly specs: readonly SubscriptionSpec[];
  /** Wakes that somebody was handed, the newest last. */
  readonly heldWakes: HeldWake[] = [];
  readonly incarnations: Incarnation[] = [];
  readonly everStarted: Incarnation[] = [];
  readonly followers = new Set<Following>();
  /** What no process may ever do, whatever its clients saw. */
  readonly broken: string[] = [];
  readonly faultCounts: Record<string, number> = {};
  readonly publications: SimulatedPublications;
  readonly objects: SimulatedObjectStore;
  readonly runs: AgentRuns;
  readonly #options: WorldOptions;
  readonly #types = new Map<string, boolean>();
  readonly #abandonPrng: SeededPrng;
  readonly #webhooks: Webhooks;
  #operationsLeft: number;
  #lives = 0;
  #uniques = 0;
  #clientCount = 0;
  #forced: FaultKind | undefined;
  /** While things happen to the world. */
  isDisturbed = true;

  constructor(options: WorldOptions) {
    const { plan } = options;
    this.#options = options;
    this.plan = plan;
    this.prng = new SeededPrng(plan.seed);
    this.#abandonPrng = this.prng.fork('abandon');
    this.recorder = new Recorder(this.clock);
    this.names = namesOf(plan);
    this.specs = specsOf(plan, this.names, this.prng.fork('subscriptions'));
    this.runs = new AgentRuns(this);
    this.#webhooks = new Webhooks(this);
    const publishing = this.prng.fork('publications');
    this.publications = new SimulatedPublications({ clock: this.clock, prng: publishing });
    this.publications.faults = plan.publicationFaults;
    this.#operationsLeft = plan.operations;
    const drawOfObjects = randomFaults(this.prng.fork('objects away'), plan.faults);
    this.objects = new SimulatedObjectStore({
      clock: this.clock,
      prng: this.prng.fork('objects'),
      delays: { timeoutMs: [40, 400], lateMs: [1, plan.lateMs] },
      faults: (call) => {
        if (call === 'putIfAbsent') this.count('object written');
        return drawOfObjects(call);
      },
    });
    const draw = randomFaults(this.prng.fork('faults'), plan.faults);
    this.log = new SimulatedEventLog({
      clock: this.clock,
      prng: this.prng.fork('log'),
      delays: {
        timeoutMs: [40, 400],
        lateMs: [1, plan.lateMs],
        replyMs: [0.2, plan.replyMsMax],
        readMs: [0, plan.readMsMax],
        replicationMs: [0.2, plan.replicationMsMax],
      },
      deposedBoundsRate: plan.deposedBoundsRate,
      deposedMs: plan.deposedMs,
      memberTimeoutMs: 200,
      faults: (call) => {
        if (call === 'trim') this.count('trimmed');
        const fault = call === 'append' ? (this.#takeForced() ?? draw(call)) : draw(call);
        if (fault !== undefined) this.count(`${call} ${fault}`);
        return fault;
      },
    });
  }

  count(kind: string): void {
    this.faultCounts[kind] = (this.faultCounts[kind] ?? 0) + 1;
  }

  unique(): number {
    this.#uniques += 1;
    return this.#uniques;
  }

  elapsed(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.schedule(ms, resolve));
  }

  takeOperation(): boolean {
    this.#operationsLeft -= 1;
    return this.#operationsLeft >= 0;
  }

  moreOperations(count: number): void {
    this.#operationsLeft = count;
  }

  isJson(named: Named): boolean {
    return this.#types.get(named.full) ?? named.isJson;
  }

  learnType(named: Named, isJson: boolean): void {
    this.#types.set(named.full, isJson);
  }

  /** The shards of tenants, as far as somebody has opened them. */
  get shards(): Shard[] {
    const shards = new Set<Shard>();
    for (const { shards: opened } of this.incarnations) {
      for (const { shard } of opened.opened) if (this.#isThere(shard)) shards.add(shard);
    }
    return [...shards].sort();
  }

  #isThere(shard: Shard): boolean {
    try {
      return this.log.bounds(shard).end >= 0n;
    } catch {
      return false;
    }
  }

  start(index: number, { hasRelay = this.specs.length + this.plan.runs > 0 } = {}): Incarnation {
    this.#lives += 1;
    const { plan, clock } = this;
    const name = `p${index}.${this.#lives}`;
    const prng = this.prng.fork(name);
    const { wrapLog, onFold } = this.#options;
    const isOld = plan.hasOldRelease && index === 0;
    const incarnation = new Incarnation({
      name,
      handle: this.log.connect(name),
      clock,
      prng,
      memoryBytesMax: plan.memoryBytesMax,
      knownLevel: isOld ? 1 : 2,
      writer: { queueCountMax: plan.queueCountMax, deadlineMs: plan.deadlineMs },
      debts: { payAfterMs: 200, abandonAfterMs: plan.abandonAfterMs, againAfterMsMax: 5_000 },
      expiries: {
        sweepEveryMs: 2_000,
        agendaEveryMs: 6_000,
        endsMax: 2,
        againAfterMsMax: 8_000,
      },
      partitions: plan.partitions,
      publications: this.publications,
      objects: this.objects.connect(name),
      tiering: plan.tiering,
      outbound: hasRelay ? (gate) => this.#webhooks.connect(gate) : undefined,
      onError: (message) => this.broken.push(message),
      wrapLog: (log) => wrapLog(plan.isFull ? this.#full(log, prng.fork('full')) : log),
      onBatch: (process, batch) => this.#mayAbandon(process, batch),
      onFold: (fold) => onFold(fold, isOld),
    });
    this.incarnations[index] = incarnation;
    this.everStarted.push(incarnation);
    void incarnation.start();
    return incarnation;
  }

  /** Some of what is refused, is refused for a reason that no retry helps against. */
  #full(log: EventLog, prng: SeededPrng): EventLog {
    return withOutcomes(log, (outcome) => {
      if (outcome?.kind !== 'not-committed' || !this.isDisturbed || prng.chance(0.5))
        return outcome;
      return {
        kind: 'not-committed',
        reason: prng.chance(0.5) ? 'full' : 'denied',
        retryable: false,
      };
    });
  }

  /** It comes back after a while, unless somebody starts it before. */
  crash(victim: Incarnation, restartMs: number): void {
    const index = this.incarnations.indexOf(victim);
    victim.isReady = false;
    victim.crash();
    this.clock.schedule(restartMs, () => {
      if (index >= 0 && this.incarnations[index] === victim) this.start(index);
    });
  }

  #takeForced(): FaultKind | undefined {
    const forced = this.#forced;
    this.#forced = undefined;
    return forced;
  }

  #mayAbandon(process: Incarnation, batch: readonly LogRecord[]): void {
    if (!this.isDisturbed || !this.plan.disturbances.includes('abandon')) return;
    const isFork = batch.some(({ value }) => textOf(value).includes('"origin"'));
    if (!isFork || !this.#abandonPrng.chance(0.4)) return;
    this.count('abandon');
    this.#forced = 'late';
    this.clock.schedule(5, () => {
      if (this.isDisturbed) this.crash(process, this.#abandonPrng.below(600));
    });
  }

  clients(): Promise<unknown> {
    const clients = Array.from({ length: this.plan.clients }, () => {
      this.#clientCount += 1;
      return new Client(this, this.#clientCount - 1);
    });
    return Promise.all(clients.map((client) => client.run()));
  }

  async workers(): Promise<void> {
    if (this.specs.length === 0) return;
    await makeWakeStreams(this);
    await Promise.all([new Worker(this, 0).run(), new Worker(this, 1).run()]);
  }

  sawAnswer(process: Incarnation, { problem }: Answered): void {
    if (problem === undefined) return;
    // What is stored is altered by disasters alone: otherwise it was written wrong, or looked for elsewhere.
    const isCorrupt = hasCode(problem, 'corrupt') && this.plan.disaster === 'none';
    if (!hasCode(problem, 'internal') && !isCorrupt) return;
    const cause = problem.cause instanceof Error ? problem.cause.stack : '';
    this.broken.push(`${process.name}: ${problem.code}: ${problem.message} ${cause}`);
  }

  /** A cause that no caller met. */
  sawUnhandled(cause: unknown): void {
    if (isProblem(cause)) this.broken.push(`unhandled problem: ${cause.code} ${cause.stack}`);
    else this.broken.push(`unhandled: ${cause instanceof Error ? cause.stack : String(cause)}`);
  }
}

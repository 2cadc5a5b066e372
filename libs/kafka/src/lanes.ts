// The lanes to one broker. A lane is one connection with one produce request in flight: a broker works
// on one request per connection at a time, and with acks=all holds it until the followers have it. So a
// free lane takes every shard that has something waiting, and batches deepen while lanes are busy.

import { type AppendOutcome, batchBytesMax, type Shard } from '@tidemark/ports';
import { type BrokerConnection, RequestLost } from './connection.ts';
import { isLeadershipError } from './errors.ts';
import { lanesPerBroker, leaderCheckMs, produceBytesTarget } from './limits.ts';
import { type AppenderParts, type PendingAppend, unsent } from './pending-append.ts';
import { decodeProduce, type ProducedShard, produceRequest } from './produce-request.ts';
import { type BatchPlan, planBatch } from './record-batch.ts';

/** Who has appends, and hears what became of them. */
export interface AppendOwner {
  readonly parts: AppenderParts;
  mustFlyAlone(shard: Shard): boolean;
  land(append: PendingAppend, outcome: AppendOutcome | undefined): void;
  strand(append: PendingAppend): void;
}

/** Longer than the broker's own limit, so that its answer comes first. */
const answerGraceMs = 500;

export class BrokerLanes {
  readonly appender: AppendOwner;
  readonly brokerId: number;
  readonly #waiting = new Map<Shard, PendingAppend>();
  readonly #lanes: readonly Lane[];
  readonly #connections = new Map<Lane, BrokerConnection>();
  #tenureSerial = 0;
  #isGathering = false;

  constructor(appender: AppendOwner, brokerId: number) {
    this.appender = appender;
    this.brokerId = brokerId;
    this.#lanes = Array.from({ length: lanesPerBroker }, (_, index) => new Lane(this, index));
  }

  /**
   * Lanes share a tenure, or it would change with each change of lanes. It ends when any of their
   * connections was lost: the broker may be another process since.
   */
  tenureSerialOn(lane: Lane, connection: BrokerConnection): number {
    if (this.#connections.get(lane) !== connection) {
      const isLost = [...this.#connections].some(([of, known]) => of === lane || !known.isOpen);
      if (isLost || this.#connections.size === 0) this.#tenureSerial = connection.serial;
      this.#connections.set(lane, connection);
    }
    return this.#tenureSerial;
  }

  add(append: PendingAppend): void {
    this.#waiting.set(append.shard, append);
    this.gatherSoon();
  }

  gatherSoon(): void {
    if (this.#waiting.size > 0 && !this.#isGathering) void this.#gather();
  }

  /** Calls made in one turn join one request. */
  async #gather(): Promise<void> {
    this.#isGathering = true;
    await new Promise(setImmediate);
    this.#isGathering = false;
    for (const lane of this.#lanes) {
      if (this.#waiting.size === 0) return;
      if (!lane.isBusy) await lane.start();
    }
  }

  /** What the next request carries: one shard that must fly alone, or as many others as fit. */
  take(): Map<PendingAppend, BatchPlan> {
    const taken = new Map<PendingAppend, BatchPlan>();
    let bytes = 0;
    for (const append of this.#waiting.values()) {
      const isAlone = this.appender.mustFlyAlone(append.shard);
      if (isAlone && taken.size > 0) continue;
      this.#waiting.delete(append.shard);
      const plan = this.#planOf(append);
      if (plan === undefined) continue;
      taken.set(append, plan);
      bytes += plan.totalBytes;
      if (isAlone || bytes >= produceBytesTarget) break;
    }
    return taken;
  }

  #planOf(append: PendingAppend): BatchPlan | undefined {
    const records = append.source();
    if (records.length === 0) {
      this.appender.land(append, undefined);
      return undefined;
    }
    const plan = planBatch(records);
    if (plan.totalBytes <= batchBytesMax) return plan;
    this.appender.land(append, unsent(`batch is too large. bytes=${plan.totalBytes}`, false));
    return undefined;
  }

  /** The broker cannot be reached: others may lead its shards by now. */
  strandAll(): void {
    const stranded = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const append of stranded) this.appender.strand(append);
  }

  /** Moves those that wait here for a leader that was meanwhile found to be another. */
  strandMoved(): void {
    const { metadata } = this.appender.parts;
    for (const append of this.#waiting.values()) {
      if (metadata.leaderOf(append.shard)?.brokerId === this.brokerId) continue;
      this.#waiting.delete(append.shard);
      this.appender.strand(append);
    }
  }

  waitingShards(): readonly Shard[] {
    return [...this.#waiting.keys()];
  }

  close(): void {
    this.strandAll();
  }
}

class Lane {
  readonly #lanes: BrokerLanes;
  readonly #purpose: string;
  isBusy = false;

  constructor(lanes: BrokerLanes, index: number) {
    this.#lanes = lanes;
    this.#purpose = `lane-${index}`;
  }

  /** Flies once. Answers when the request is on its way, so that the next lane sees what is left. */
  async start(): Promise<void> {
    this.isBusy = true;
    const { promise: isSent, resolve: sent } = Promise.withResolvers<void>();
    void this.#flyOnce(sent).finally(() => {
      sent();
      // Those who were answered append again in this turn, and find the lane free: one writer alone
      // stays on one lane.
      this.isBusy = false;
      this.#lanes.gatherSoon();
    });
    await isSent;
  }

  async #flyOnce(sent: () => void): Promise<void> {
    const connection = await this.#connect();
    if (connection === undefined) return this.#lanes.strandAll();
    const batches = this.#lanes.take();
    if (batches.size === 0) return;
    const tenureSerial = this.#lanes.tenureSerialOn(this, connection);
    const landing = new Flight(this.#lanes, { connection, batches, tenureSerial }).fly();
    sent();
    await landing;
  }

  async #connect(): Promise<BrokerConnection | undefined> {
    const { brokers, metadata, clock } = this.#lanes.appender.parts;
    const check = (): void => {
      const shards = this.#lanes.waitingShards();
      if (shards.length === 0) return;
      timer = clock.schedule(leaderCheckMs, check);
      void metadata.refresh(shards).then(
        () => this.#lanes.strandMoved(),
        () => undefined,
      );
    };
    // A broker that hangs takes connections and says nothing.
    let timer = clock.schedule(leaderCheckMs, check);
    try {
      return await brokers.to(this.#lanes.brokerId, this.#purpose);
    } catch {
      return undefined;
    } finally {
      timer.cancel();
    }
  }
}

/** One produce request, from its encoding to the outcome of each of its shards. */
class Flight {
  readonly #lanes: BrokerLanes;
  readonly #connection: BrokerConnection;
  readonly #pending: Map<Shard, PendingAppend>;
  readonly #batches: ReadonlyMap<Shard, BatchPlan>;
  readonly #tenures: ReadonlyMap<Shard, string>;

  constructor(
    lanes: BrokerLanes,
    plan: {
      readonly connection: BrokerConnection;
      readonly tenureSerial: number;
      readonly batches: ReadonlyMap<PendingAppend, BatchPlan>;
    },
  ) {
    const { metadata } = lanes.appender.parts;
    const { connection, tenureSerial, batches } = plan;
    this.#lanes = lanes;
    this.#connection = connection;
    this.#pending = new Map([...batches.keys()].map((append) => [append.shard, append]));
    this.#batches = new Map([...batches].map(([{ shard }, batch]) => [shard, batch]));
    this.#tenures = new Map(
      [...batches.keys()].map(({ shard }) => {
        const epoch = metadata.leaderOf(shard)?.epoch ?? -1;
        return [shard, `${lanes.brokerId}:${epoch}:${tenureSerial}`];
      }),
    );
  }

  async fly(): Promise<void> {
    const { clock, sabotage } = this.#lanes.appender.parts;
    const check = (): void => {
      timer = clock.schedule(leaderCheckMs, check);
      void this.#checkLeaders();
    };
    let timer = clock.schedule(leaderCheckMs, check);
    for (let attempt = 1; this.#pending.size > 0; attempt += 1) {
      await this.#attempt(attempt >= sabotage.attempts);
      if (attempt >= sabotage.attempts) break;
    }
    timer.cancel();
  }

  async #attempt(isLast: boolean): Promise<void> {
    const { brokers, metrics, sabotage } = this.#lanes.appender.parts;
    metrics.requests.add(1);
    const { clientId, produceTimeoutMs } = brokers.settings;
    try {
      const frame = produceRequest({
        clientId,
        acks: sabotage.acks,
        timeoutMs: produceTimeoutMs,
        batches: this.#batches,
      });
      const payload = await this.#connection.request(frame, produceTimeoutMs + answerGraceMs);
      const produced = decodeProduce(payload);
      for (const append of this.#pending.values()) {
        this.#read(append, produced.get(append.shard), isLast);
      }
    } catch (cause) {
      if (isLast) this.#lose(cause);
    }
  }

  #read(append: PendingAppend, produced: ProducedShard | undefined, isLast: boolean): void {
    const { shard } = append;
    const { metadata, sabotage } = this.#lanes.appender.parts;
    if (produced === undefined) {
      return this.#land(append, { kind: 'unknown', reason: 'not in the answer' });
    }
    const { errorCode, baseOffset } = produced;
    if (isLeadershipError(errorCode)) metadata.doubt(shard);
    const outcome = sabotage.outcomeOf(errorCode, baseOffset, this.#tenures.get(shard) ?? '');
    if (outcome.kind === 'committed' || isLast) this.#land(append, outcome);
  }

  #lose(cause: unknown): void {
    const { metadata } = this.#lanes.appender.parts;
    const isUnwritten = cause instanceof RequestLost && !cause.isWritten;
    const reason = cause instanceof Error ? cause.message : 'request failed';
    for (const append of this.#pending.values()) {
      metadata.doubt(append.shard);
      this.#land(append, isUnwritten ? unsent(reason) : { kind: 'unknown', reason });
    }
  }

  #land(append: PendingAppend, outcome: AppendOutcome): void {
    if (this.#pending.delete(append.shard)) this.#lanes.appender.land(append, outcome);
  }

  /** A leader that hangs may be deposed long before its connection is given up. */
  async #checkLeaders(): Promise<void> {
    const { metadata } = this.#lanes.appender.parts;
    try {
      await metadata.refresh([...this.#pending.keys()]);
    } catch {
      return;
    }
    // Answered meanwhile: the connection carries others' appends by now.
    if (this.#pending.size === 0) return;
    for (const append of this.#pending.values()) {
      const leader = metadata.leaderOf(append.shard);
      if (leader === undefined || leader.brokerId === this.#lanes.brokerId) continue;
      this.#land(append, { kind: 'unknown', reason: 'leader moved before the answer' });
    }
    if (this.#pending.size === 0) this.#connection.close('leader moved');
  }
}

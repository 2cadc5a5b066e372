// Where shards start and end, asked of their leaders on a connection of its own, so that no question
// stands behind a produce or a long fetch.
//
// (1) A call joins only a question that is sent after it: one under way a broker, one forming.
// (2) A broker that does not answer holds up no question to another.

import {
  type Clock,
  Fault,
  type Shard,
  type ShardBounds,
  sleep,
  throwIfAborted,
} from '@tidemark/ports';
import { Questions } from '@tidemark/std';
import type { Brokers } from './brokers.ts';
import { errorCodes, errorNameOf, faultOf, faultReasonOf, isLeadershipError } from './errors.ts';
import { leaderRetryMs, questionTimeoutMs } from './limits.ts';
import {
  decodeListOffsets,
  endTime,
  listOffsetsRequest,
  startTime,
} from './list-offsets-request.ts';
import { type ClusterMetadata, orAborted } from './metadata.ts';

type Answer = ReadonlyMap<Shard, ShardBounds | Fault>;

export class BoundsAsker {
  readonly #clock: Clock;
  readonly #brokers: Brokers;
  readonly #metadata: ClusterMetadata;
  readonly #questions = new Questions<number, Shard, Answer>(
    (brokerId, shards) => this.#askBroker(brokerId, [...shards]),
    // Calls of the same turn share a question.
    () => new Promise(setImmediate),
  );

  constructor(clock: Clock, brokers: Brokers, metadata: ClusterMetadata) {
    this.#clock = clock;
    this.#brokers = brokers;
    this.#metadata = metadata;
  }

  async bounds(
    shards: readonly Shard[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Shard, ShardBounds | Fault>> {
    throwIfAborted(signal);
    const known = new Map<Shard, ShardBounds | Fault>();
    const deadlineMs = this.#clock.monotonicMs() + this.#brokers.settings.requestTimeoutMs;
    let open = [...new Set(shards)];
    for (;;) {
      await this.#ask(open, known, signal);
      open = open.filter((shard) => isPassing(known.get(shard)));
      if (open.length === 0 || this.#clock.monotonicMs() > deadlineMs) return known;
      await sleep(this.#clock, leaderRetryMs, signal);
    }
  }

  async #ask(
    shards: readonly Shard[],
    known: Map<Shard, ShardBounds | Fault>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const leaderless = shards.filter((shard) => this.#metadata.leaderOf(shard) === undefined);
    if (leaderless.length > 0) {
      await this.#metadata.refresh(leaderless, signal).catch(() => throwIfAborted(signal));
    }
    const byBroker = Map.groupBy(shards, (shard) => this.#metadata.leaderOf(shard)?.brokerId);
    for (const shard of byBroker.get(undefined) ?? []) {
      known.set(shard, this.#metadata.denialOf(shard) ?? passing('no leader', undefined));
    }
    byBroker.delete(undefined);
    const answers = [...byBroker].map(([brokerId, led]) => {
      return this.#questions.join(brokerId ?? -1, led);
    });
    for (const answer of await orAborted(Promise.all(answers), signal)) {
      for (const shard of shards) {
        const bounds = answer.get(shard);
        if (bounds !== undefined) known.set(shard, bounds);
      }
    }
  }

  async #askBroker(brokerId: number, shards: readonly Shard[]): Promise<Answer> {
    const { clientId } = this.#brokers.settings;
    const epochs = new Map(
      shards.map((shard) => [shard, this.#metadata.leaderOf(shard)?.epoch ?? -1]),
    );
    try {
      const connection = await this.#brokers.to(brokerId, 'bounds');
      const [starts, ends] = await Promise.all(
        [startTime, endTime].map(async (time) => {
          const frame = listOffsetsRequest(clientId, time, epochs);
          return decodeListOffsets(await connection.request(frame, questionTimeoutMs));
        }),
      );
      return new Map(
        shards.map((shard) => [shard, this.#read(shard, [starts?.get(shard), ends?.get(shard)])]),
      );
    } catch (cause) {
      for (const shard of shards) this.#metadata.doubt(shard);
      return new Map(shards.map((shard) => [shard, passing('leader does not answer', cause)]));
    }
  }

  #read(
    shard: Shard,
    [start, end]: readonly ({ readonly errorCode: number; readonly offset: bigint } | undefined)[],
  ): ShardBounds | Fault {
    if (start === undefined || end === undefined) return passing('not in the answer', undefined);
    const errorCode = end.errorCode || start.errorCode;
    if (errorCode === errorCodes.none) return { start: start.offset, end: end.offset };
    if (isLeadershipError(errorCode)) this.#metadata.doubt(shard);
    const reason = faultReasonOf(errorCode);
    // Whether it is missing, the metadata decides: this broker may just not know it yet.
    if (reason === 'missing') return passing(errorNameOf(errorCode), undefined);
    return faultOf(errorCode, `bounds are not told. shard=${shard}`);
  }
}

const passing = (reason: string, cause: unknown): Fault =>
  new Fault('unavailable', `bounds are not told: ${reason}`, { effect: 'none', cause });

const isPassing = (bounds: ShardBounds | Fault | undefined): boolean =>
  bounds === undefined || (bounds instanceof Fault && bounds.reason === 'unavailable');

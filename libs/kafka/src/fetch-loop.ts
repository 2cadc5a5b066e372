// One connection that fetches for the readers it has been given, again and again while it has any.
// The first loop of a broker keeps a fetch session there: after the first request it names only what
// has changed, so that a thousand idle shards cost two small requests a second.
//
// idle -> fetching   start      (it was given a reader)
// fetching -> idle   #run       (it has none left, or the broker cannot be reached)

import { isFault, type Shard } from '@tidemark/ports';
import type { BrokerConnection } from './connection.ts';
import { errorCodes } from './errors.ts';
import {
  decodeFetch,
  type FetchAnswer,
  type FetchPosition,
  fetchRequest,
} from './fetch-request.ts';
import { fetchWaitMs, joinWaitMs, questionTimeoutMs } from './limits.ts';
import { decodeRecords } from './record-batch-decode.ts';
import type { ShardReader } from './shard-reader.ts';

/** Empty answers in a row after which a loop other than the first waits as long as the first. */
const shortWaitsMax = 10;

/** The broker that is fetched from, and who hears of what it answers. */
interface FetchedBroker {
  readonly clientId: string;
  connect(purpose: string): Promise<BrokerConnection>;
  epochOf(shard: Shard): number;
  adoptCaughtUp(first: FetchLoop): void;
  wakeFirst(): void;
  strand(readers: readonly ShardReader[]): void;
  refuse(reader: ShardReader, errorCode: number): void;
}

export class FetchLoop {
  readonly isFirst: boolean;
  readonly readers = new Map<Shard, ShardReader>();
  readonly #broker: FetchedBroker;
  readonly #purpose: string;
  /** What the broker's session must be told: what was added, has moved, or was dropped. */
  readonly #changed = new Set<Shard>();
  readonly #inSession = new Set<Shard>();
  #session = 0;
  #turn = 0;
  #emptyCount = 0;
  #isRunning = false;

  constructor(broker: FetchedBroker, index: number) {
    this.#broker = broker;
    this.isFirst = index === 0;
    this.#purpose = `fetch-${index}`;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** How long a newcomer may have to wait for the fetch that is out. */
  get waitMs(): number {
    return this.isFirst || this.#emptyCount > shortWaitsMax ? fetchWaitMs : joinWaitMs;
  }

  add(reader: ShardReader): void {
    reader.loop?.remove(reader);
    reader.loop = this;
    this.readers.set(reader.shard, reader);
    this.#changed.add(reader.shard);
    if (!this.#isRunning) {
      this.#emptyCount = 0;
      this.#isRunning = true;
      void this.#run();
    }
  }

  remove(reader: ShardReader): void {
    if (reader.loop !== this) return;
    reader.loop = undefined;
    this.readers.delete(reader.shard);
    this.#changed.add(reader.shard);
  }

  async #run(): Promise<void> {
    // Readers that are added in one turn share the first request.
    await new Promise(setImmediate);
    for (;;) {
      if (this.isFirst) this.#broker.adoptCaughtUp(this);
      if (this.readers.size === 0) break;
      try {
        await this.#fetchOnce();
      } catch (cause) {
        if (!isFault(cause) && !(cause instanceof Error && cause.name === 'RequestLost'))
          throw cause;
        this.#forgetSession();
        this.#broker.strand([...this.readers.values()]);
      }
    }
    this.#isRunning = false;
  }

  async #fetchOnce(): Promise<void> {
    const connection = await this.#broker.connect(this.#purpose);
    if (this.#turn === 0) this.#forgetSession();
    const isIncremental = this.isFirst && this.#turn > 0;
    const named = isIncremental ? this.#changed : this.readers.keys();
    const wanted = new Map<Shard, FetchPosition>();
    const forgotten: Shard[] = [];
    for (const shard of named) {
      const reader = this.readers.get(shard);
      if (reader !== undefined) wanted.set(shard, this.#positionOf(reader));
      else if (this.#inSession.delete(shard)) forgotten.push(shard);
    }
    for (const shard of wanted.keys()) this.#inSession.add(shard);
    this.#changed.clear();
    const { waitMs } = this;
    const frame = fetchRequest({
      clientId: this.#broker.clientId,
      waitMs,
      session: this.isFirst ? this.#session : 0,
      turn: this.isFirst ? this.#turn : -1,
      wanted,
      forgotten,
    });
    const askedAt = new Map(this.readers);
    const payload = await connection.request(frame, waitMs + questionTimeoutMs);
    this.#read(decodeFetch(payload), askedAt);
  }

  #positionOf(reader: ShardReader): FetchPosition {
    return {
      offset: reader.position,
      leaderEpoch: this.#broker.epochOf(reader.shard),
      bytesMax: reader.bytesMax,
    };
  }

  #read(answer: FetchAnswer, asked: ReadonlyMap<Shard, ShardReader>): void {
    if (answer.errorCode !== errorCodes.none) {
      this.#forgetSession();
      const isSession =
        answer.errorCode === errorCodes.fetchSessionNotFound ||
        answer.errorCode === errorCodes.invalidFetchSessionEpoch;
      if (!isSession) this.#broker.strand([...this.readers.values()]);
      return;
    }
    if (this.isFirst) this.#advanceSession(answer.session);
    let isEmpty = true;
    for (const [shard, fetched] of answer.shards) {
      const reader = this.readers.get(shard);
      // Another reader may have taken its place, or it may be fetched elsewhere by now.
      if (reader === undefined || reader !== asked.get(shard)) continue;
      if (fetched.errorCode !== errorCodes.none) this.#broker.refuse(reader, fetched.errorCode);
      else if (this.#deliver(reader, fetched)) isEmpty = false;
    }
    this.#emptyCount = isEmpty ? this.#emptyCount + 1 : 0;
    if (!this.isFirst) this.#broker.wakeFirst();
  }

  /** Says whether it had something. */
  #deliver(
    reader: ShardReader,
    fetched: { readonly highWatermark: bigint; readonly records: Buffer },
  ): boolean {
    try {
      const decoded = decodeRecords(fetched.records, reader.wantedFrom);
      const { records, nextOffset, neededBytes } = decoded;
      if (nextOffset > reader.position) {
        reader.take({ records, nextOffset });
        this.#changed.add(reader.shard);
      } else if (neededBytes !== undefined && neededBytes > reader.bytesMax) {
        reader.bytesMax = neededBytes;
        this.#changed.add(reader.shard);
      }
      reader.isCaughtUp = nextOffset >= fetched.highWatermark;
      if (reader.isFull) this.remove(reader);
      else this.#turnBehind(reader);
      return nextOffset < fetched.highWatermark || records.length > 0;
    } catch (cause) {
      if (!isFault(cause)) throw cause;
      reader.fail(cause);
      return true;
    }
  }

  /** An answer has a size: who was served stands behind those who were not. */
  #turnBehind(reader: ShardReader): void {
    this.readers.delete(reader.shard);
    this.readers.set(reader.shard, reader);
  }

  #advanceSession(session: number): void {
    this.#session = session;
    // A broker without room for a session answers 0: each fetch is then a whole one.
    this.#turn = session === 0 ? 0 : this.#turn + 1;
  }

  #forgetSession(): void {
    this.#session = 0;
    this.#turn = 0;
    this.#inSession.clear();
  }
}

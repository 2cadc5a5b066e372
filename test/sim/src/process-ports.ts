// The ports as one process has them: what happens to the process, happens on the way.

import type {
  AppendOutcome,
  BatchSource,
  Clock,
  EventLog,
  LogFields,
  Logger,
  LogRecord,
  ReadChunk,
  ReadOptions,
  Shard,
  ShardBounds,
  Timer,
  TopicSpec,
} from '@tidemark/ports';
import type { SimulatedLogHandle } from '@tidemark/ports/testing';
import type { Gate } from './gate.ts';

export class ProcessClock implements Clock {
  readonly #clock: Clock;
  readonly #gate: Gate;

  constructor(clock: Clock, gate: Gate) {
    this.#clock = clock;
    this.#gate = gate;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  schedule(delayMs: number, run: () => void): Timer {
    let isCancelled = false;
    const timer = this.#clock.schedule(delayMs, () => {
      this.#gate.pass(() => {
        if (!isCancelled) run();
      });
    });
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }
}

export class ProcessLog implements EventLog {
  readonly #handle: SimulatedLogHandle;
  readonly #gate: Gate;
  readonly #onBatch: (batch: readonly LogRecord[]) => void;

  /** `onBatch` hears of every batch as it is sent. */
  constructor(
    handle: SimulatedLogHandle,
    gate: Gate,
    onBatch: (batch: readonly LogRecord[]) => void,
  ) {
    this.#handle = handle;
    this.#gate = gate;
    this.#onBatch = onBatch;
  }

  append(
    batches: ReadonlyMap<Shard, BatchSource>,
  ): ReadonlyMap<Shard, Promise<AppendOutcome | undefined>> {
    const heard = new Map<Shard, BatchSource>();
    for (const [shard, source] of batches) {
      heard.set(shard, () => {
        const batch = source();
        this.#onBatch(batch);
        return batch;
      });
    }
    const outcomes = this.#handle.append(heard);
    return new Map([...outcomes].map(([shard, outcome]) => [shard, this.#gate.through(outcome)]));
  }

  async *read(shard: Shard, options: ReadOptions): AsyncIterable<ReadChunk> {
    for await (const chunk of this.#handle.read(shard, options)) {
      await this.#gate.opened();
      yield chunk;
    }
  }

  bounds(
    shards: readonly Shard[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Shard, ShardBounds | Error>> {
    return this.#gate.through(this.#handle.bounds(shards, signal));
  }

  trim(shard: Shard, to: bigint, signal?: AbortSignal): Promise<void> {
    return this.#gate.through(this.#handle.trim(shard, to, signal));
  }

  ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<{ readonly partitions: number }> {
    return this.#gate.through(this.#handle.ensureTopic(spec, signal));
  }

  checkTopic(spec: TopicSpec, signal?: AbortSignal): Promise<void> {
    return this.#gate.through(this.#handle.checkTopic(spec, signal));
  }

  growTopic(name: string, partitions: number, signal?: AbortSignal): Promise<void> {
    return this.#gate.through(this.#handle.growTopic(name, partitions, signal));
  }

  topics(
    signal?: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly partitions: number }[]> {
    return this.#gate.through(this.#handle.topics(signal));
  }

  assign(
    group: string,
    options: { readonly topics: readonly string[]; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Shard[]> {
    return this.#handle.assign(group, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle[Symbol.asyncDispose]();
  }
}

/** Nothing of ours may ever log an error, but for a shard that stops. */
export class ProcessLogger implements Logger {
  readonly #onError: (message: string, fields: LogFields) => void;

  constructor(onError: (message: string, fields: LogFields) => void) {
    this.#onError = onError;
  }

  debug(): void {}
  info(): void {}
  warn(): void {}
  error(fields: LogFields, message: string): void {
    if (message !== 'shard stopped') this.#onError(message, fields);
  }
  child(): Logger {
    return this;
  }
}

/** The log, but for how its outcomes are told. */
export function withOutcomes(
  log: EventLog,
  tell: (outcome: AppendOutcome | undefined) => AppendOutcome | undefined,
): EventLog {
  const append = (
    batches: ReadonlyMap<Shard, BatchSource>,
  ): ReadonlyMap<Shard, Promise<AppendOutcome | undefined>> =>
    new Map([...log.append(batches)].map(([shard, outcome]) => [shard, outcome.then(tell)]));
  return new Proxy(log, {
    get: (target, name) => {
      if (name === 'append') return append;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

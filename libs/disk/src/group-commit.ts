// The group commit of the embedded log.
//
// (1) One group is in flight. Whatever arrives meanwhile is the next group.
// (2) A group is folded when it is durable, never before; only then is anybody answered.
// (3) After a failed write that may be there in part nothing is written again: a sync that is
//     repeated can lie.
//
// idle -> gathering      #wake
// gathering -> writing   #run    (one turn of the event loop later: what arrives together flies together)
// writing -> writing     #run    (the next group starts before the last one is answered)
// writing -> idle        #run    (nothing is left)
// any -> stopped         #stop

import {
  type AppendOutcome,
  type BatchSource,
  type Clock,
  Fault,
  isFault,
  type Logger,
  type Timer,
} from '@tidemark/ports';
import { assert, Queue } from '@tidemark/std';
import type { Instruments } from './instruments.ts';
import type { FloorKeeper } from './log-floor.ts';
import { batchEntryBytes, entryBytes, type NewEntry, recordsBytes } from './log-format.ts';
import type { LogState, ShardState } from './log-state.ts';
import type { LogWriter, WrittenGroup } from './log-writer.ts';

export interface GroupCommitSettings {
  readonly groupBytesMax: number;
  readonly batchBytesMax: number;
  readonly idleMarkMs: number;
}

interface BatchRequest {
  readonly kind: 'batch';
  readonly shard: ShardState;
  readonly source: BatchSource;
  readonly resolve: (outcome: AppendOutcome | undefined) => void;
  readonly reject: (cause: unknown) => void;
  /** Set when the group is formed. */
  baseOffset: number;
  outcome: AppendOutcome | undefined;
}

interface ControlRequest {
  readonly kind: 'control';
  /** What is to be written, given the state of the moment; throws what the caller gets. */
  readonly form: () => readonly NewEntry[];
  readonly as: 'control' | 'mark' | 'move';
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

type Request = BatchRequest | ControlRequest;

interface Group {
  readonly entries: NewEntry[];
  readonly sizes: number[];
  readonly batches: BatchRequest[];
  control: ControlRequest | undefined;
  controlEntries: readonly NewEntry[];
}

export class GroupCommit {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #settings: GroupCommitSettings;
  readonly #state: LogState;
  readonly #writer: LogWriter;
  readonly #keeper: FloorKeeper;
  readonly #instruments: Instruments;
  readonly #tenure: string;
  readonly #queue = new Queue<Request>();
  #isRunning = false;
  #isClosed = false;
  #hasUnmarked = false;
  #idleMark: Timer | undefined;
  #writtenAtMs = 0;
  #stoppedBy: string | undefined;

  constructor(
    components: {
      readonly clock: Clock;
      readonly logger: Logger;
      readonly instruments: Instruments;
    },
    parts: {
      readonly settings: GroupCommitSettings;
      readonly state: LogState;
      readonly writer: LogWriter;
      readonly keeper: FloorKeeper;
    },
  ) {
    const { settings, state, writer, keeper } = parts;
    this.#clock = components.clock;
    this.#logger = components.logger;
    this.#settings = settings;
    this.#state = state;
    this.#writer = writer;
    this.#keeper = keeper;
    this.#tenure = `disk.${writer.salt.toString(36)}.${writer.nextSequence}`;
    this.#instruments = components.instruments;
  }

  get stoppedBy(): string | undefined {
    return this.#stoppedBy;
  }

  append(shard: ShardState, source: BatchSource): Promise<AppendOutcome | undefined> {
    if (this.#stoppedBy !== undefined) return Promise.resolve(refused('stopped', false));
    if (this.#isClosed) return Promise.resolve(refused('closed', false));
    assert(!shard.isAppending, 'a shard has at most one append under way');
    shard.isAppending = true;
    return new Promise((resolve, reject) => {
      const outcome = undefined;
      this.#queue.push({ kind: 'batch', shard, source, resolve, reject, baseOffset: 0, outcome });
      this.#wake();
    });
  }

  /** `form` decides, on the state of its moment, what is to be written; it may throw instead. */
  control(form: () => readonly NewEntry[]): Promise<void> {
    return this.#control(form, 'control');
  }

  /** As `control`, of what is moved on from an old file. */
  move(form: () => readonly NewEntry[]): Promise<void> {
    return this.#control(form, 'move');
  }

  /** Writes a group without entries: it vouches for what lies before it. */
  mark(): Promise<void> {
    return this.#control(() => [], 'mark');
  }

  /** Writes what waits and a last mark. */
  async close(): Promise<void> {
    const marked = this.mark().catch(() => undefined);
    this.#isClosed = true;
    await marked;
    this.#idleMark?.cancel();
  }

  #control(form: ControlRequest['form'], as: ControlRequest['as']): Promise<void> {
    if (this.#stoppedBy !== undefined) return Promise.reject(stopped(this.#stoppedBy, 'none'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ kind: 'control', form, as, resolve, reject });
      this.#wake();
    });
  }

  #wake(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => {
      this.#run().catch((cause: unknown) => {
        this.#stop(cause);
        this.#isRunning = false;
        this.#form();
      });
    });
  }

  async #run(): Promise<void> {
    let last: Group | undefined;
    for (let group = this.#form(); group !== undefined; group = this.#form()) {
      const startedAtMs = this.#clock.monotonicMs();
      const { entries, sizes } = group;
      const writing = this.#writer.write({ entries, sizes, reserve: reserveOf(group) });
      if (last !== undefined) answer(last);
      last = undefined;
      try {
        this.#commit(group, await writing);
        this.#writtenAtMs = this.#clock.monotonicMs();
        this.#instruments.syncSeconds.observe((this.#writtenAtMs - startedAtMs) / 1_000);
        last = group;
      } catch (cause) {
        await this.#refuse(group, cause);
      }
    }
    this.#isRunning = false;
    if (last !== undefined) answer(last);
    if (this.#hasUnmarked && !this.#isClosed) this.#markWhenIdle();
  }

  /** One timer, which looks again where something was written since: not one for each group. */
  #markWhenIdle(delayMs: number = this.#settings.idleMarkMs): void {
    this.#idleMark ??= this.#clock.schedule(delayMs, () => {
      this.#idleMark = undefined;
      if (this.#isRunning || this.#isClosed || this.#stoppedBy !== undefined) return;
      const restMs = this.#writtenAtMs + this.#settings.idleMarkMs - this.#clock.monotonicMs();
      if (restMs > 0) return this.#markWhenIdle(restMs);
      this.mark().catch((cause: unknown) => this.#logger.warn({ cause }, 'idle mark failed'));
    });
  }

  /** The next group, from what waits; undefined when nothing does. */
  #form(): Group | undefined {
    const group: Group = {
      entries: [],
      sizes: [],
      batches: [],
      control: undefined,
      controlEntries: [],
    };
    let bytes = 0;
    while (bytes < this.#settings.groupBytesMax) {
      const request = this.#queue.peek();
      // A control entry is decided on the folded state: a second one waits for the first.
      if (request === undefined || (request.kind === 'control' && group.control)) break;
      this.#queue.shift();
      if (request.kind === 'control') this.#formControl(group, request);
      else bytes += this.#formBatch(group, request);
    }
    if (group.entries.length > 0 || group.control?.as === 'mark') return group;
    return this.#queue.size > 0 ? this.#form() : undefined;
  }

  #formControl(group: Group, request: ControlRequest): void {
    if (this.#stoppedBy !== undefined) return request.reject(stopped(this.#stoppedBy, 'none'));
    try {
      const entries = request.form();
      if (entries.length === 0 && request.as !== 'mark') return request.resolve();
      group.control = request;
      group.controlEntries = entries;
      group.entries.push(...entries);
      group.sizes.push(...entries.map(entryBytes));
    } catch (cause) {
      request.reject(cause);
    }
  }

  #formBatch(group: Group, request: BatchRequest): number {
    const { shard } = request;
    const settle = (outcome: AppendOutcome | undefined): number => {
      shard.isAppending = false;
      request.resolve(outcome);
      return 0;
    };
    if (this.#stoppedBy !== undefined) return settle(refused('stopped', false));
    try {
      const records = request.source();
      if (records.length === 0) return settle(undefined);
      const bytes = recordsBytes(records);
      if (bytes > this.#settings.batchBytesMax) return settle(refused('too-large', false));
      const { topic, partition, nextEnd } = shard;
      const recordCount = records.length;
      const baseOffset = nextEnd;
      shard.nextEnd = nextEnd + recordCount;
      request.baseOffset = baseOffset;
      group.entries.push({ kind: 'batch', topic, partition, baseOffset, recordCount, records });
      group.sizes.push(batchEntryBytes(bytes));
      group.batches.push(request);
      return bytes;
    } catch (cause) {
      shard.isAppending = false;
      request.reject(cause);
      return 0;
    }
  }

  /** The group is durable: from here on it can be seen. */
  #commit(group: Group, written: WrittenGroup): void {
    const { file, position, bytes, entryEnds } = written;
    let first = bytes - group.sizes.reduce((sum, size) => sum + size, 0);
    for (const [index, entry] of group.entries.entries()) {
      const end = entryEnds[index] as number;
      this.#state.apply({ entry, file, position: position + first, bytes: end - first });
      first = end;
    }
    this.#instruments.written(group.batches.length, bytes);
    this.#hasUnmarked = group.entries.length > 0;
    this.#keeper.later();
    for (const request of group.batches) {
      const baseOffset = BigInt(request.baseOffset);
      request.outcome = { kind: 'committed', baseOffset, tenure: this.#tenure };
    }
  }

  /** The group is not durable. */
  async #refuse(group: Group, cause: unknown): Promise<void> {
    if (!isFault(cause) || cause.effect !== 'none') {
      this.#stop(cause);
      for (const request of group.batches) request.outcome = unknown(this.#stoppedBy ?? '');
      group.control?.reject(stopped(this.#stoppedBy ?? '', 'unknown', cause));
      group.control = undefined;
      return answer(group);
    }
    this.#logger.error({ cause, batches: group.batches.length }, 'the log takes nothing now');
    for (const request of group.batches) {
      request.shard.nextEnd = request.shard.end;
      request.outcome = refused(cause.reason, false);
    }
    const { control, controlEntries } = group;
    // What makes room may use the last of it, without the batches beside it.
    if (control !== undefined && group.batches.length > 0) {
      const form = (): readonly NewEntry[] => controlEntries;
      this.#queue.unshift([{ ...control, form }]);
    } else {
      control?.reject(cause);
    }
    group.control = undefined;
    answer(group);
  }

  #stop(cause: unknown): void {
    if (this.#stoppedBy !== undefined) return;
    this.#stoppedBy = cause instanceof Error ? cause.message : String(cause);
    this.#logger.error({ cause }, 'the log has stopped: a write failed and may be there in part');
  }
}

function reserveOf({ batches, control }: Group): 'none' | 'half' | 'all' {
  if (batches.length > 0) return 'none';
  return control?.as === 'move' ? 'half' : 'all';
}

function answer(group: Group): void {
  for (const { shard } of group.batches) shard.isAppending = false;
  for (const request of group.batches) request.resolve(request.outcome);
  group.control?.resolve();
  // A turn later: whoever wrote has folded it by then, and need not have it read back.
  if (group.batches.some(({ shard }) => shard.waiters.size > 0)) {
    setImmediate(() => {
      for (const { shard } of group.batches) shard.wake();
    });
  }
}

const stopped = (why: string, effect: 'none' | 'unknown', cause?: unknown): Fault =>
  new Fault('unavailable', `the log has stopped. why=${why}`, { effect, cause });

export const refused = (reason: string, retryable: boolean): AppendOutcome => ({
  kind: 'not-committed',
  reason,
  retryable,
});

const unknown = (reason: string): AppendOutcome => ({ kind: 'unknown', reason });

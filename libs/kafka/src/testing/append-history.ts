// A writer that notes what it was told, and the judge that compares this with what the log holds.
//
// (1) What was acknowledged is in the log, at the offset that was told.
// (2) What was refused is not in the log, unless an earlier attempt of it was unknown.
// (3) The log holds no more copies than the writer made attempts.
// (4) What was acknowledged first stands first.

import { type AppendOutcome, type EventLog, noHeaders, type Shard } from '@tidemark/ports';
import { bytesOf, present, textOf } from '@tidemark/std';

interface Attempted {
  attempts: number;
  unknowns: number;
  committedAt: bigint | undefined;
  isRefused: boolean;
}

export class AppendHistory {
  readonly log: EventLog;
  readonly shard: Shard;
  readonly attempted = new Map<string, Attempted>();
  readonly outcomes: AppendOutcome[] = [];
  #nextId = 0;

  constructor(log: EventLog, shard: Shard) {
    this.log = log;
    this.shard = shard;
  }

  /** One attempt of a new record, or again of one whose outcome is unknown. */
  async attempt(id = `${this.shard}#${this.#nextId++}`): Promise<AppendOutcome> {
    const entry = this.attempted.get(id) ?? {
      attempts: 0,
      unknowns: 0,
      committedAt: undefined,
      isRefused: false,
    };
    this.attempted.set(id, entry);
    const record = { key: bytesOf('k'), value: bytesOf(id), headers: noHeaders, timeMs: 1 };
    entry.attempts += 1;
    const pending = this.log.append(new Map([[this.shard, () => [record]]]));
    const outcome = present(await pending.get(this.shard), 'outcome');
    this.outcomes.push(outcome);
    entry.isRefused = outcome.kind === 'not-committed' && entry.unknowns === 0;
    if (outcome.kind === 'unknown') entry.unknowns += 1;
    if (outcome.kind === 'committed') entry.committedAt = outcome.baseOffset;
    return outcome;
  }

  /** Attempts one record until it is committed. */
  async insist(pauseMs = 5): Promise<void> {
    const id = `${this.shard}#${this.#nextId++}`;
    while ((await this.attempt(id)).kind !== 'committed') {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  get unresolved(): readonly string[] {
    return [...this.attempted].filter(([, entry]) => entry.unknowns > 0).map(([id]) => id);
  }

  /** What the log holds that contradicts what the writer was told. */
  async violations(reader: EventLog = this.log): Promise<readonly string[]> {
    return this.violationsIn(await readAll(reader, this.shard));
  }

  violationsIn(stored: ReadonlyMap<bigint, string>): readonly string[] {
    const copies = new Map<string, number>();
    for (const id of stored.values()) copies.set(id, (copies.get(id) ?? 0) + 1);
    const violations: string[] = [];
    let endOfLast = -1n;
    for (const [id, { attempts, committedAt, isRefused }] of this.attempted) {
      const count = copies.get(id) ?? 0;
      if (count > attempts) violations.push(`${id} has more copies than attempts: ${count}`);
      if (isRefused && count > 0) violations.push(`${id} was refused and is there`);
      if (committedAt === undefined) continue;
      if (stored.get(committedAt) !== id) violations.push(`${id} is lost. offset=${committedAt}`);
      if (committedAt <= endOfLast) violations.push(`${id} is out of order`);
      endOfLast = committedAt;
    }
    for (const id of copies.keys()) {
      if (!this.attempted.has(id)) violations.push(`${id} was never written`);
    }
    return violations;
  }
}

async function readAll(log: EventLog, shard: Shard): Promise<ReadonlyMap<bigint, string>> {
  const stored = new Map<bigint, string>();
  const bounds = (await log.bounds([shard])).get(shard);
  if (bounds === undefined || bounds instanceof Error) throw bounds ?? new Error('no bounds');
  if (bounds.start === bounds.end) return stored;
  const controller = new AbortController();
  for await (const chunk of log.read(shard, { from: bounds.start, signal: controller.signal })) {
    for (const { offset, value } of chunk.records) stored.set(offset, textOf(value));
    if (chunk.nextOffset >= bounds.end) break;
  }
  return stored;
}

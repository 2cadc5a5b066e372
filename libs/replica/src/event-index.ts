// Where the events of one incarnation of a session are, from where it began or left its source. Its
// runs lie one behind the other; the bodies of some are in memory, under the process's budget.

import { assert } from '@tidemark/std';
import type { BodiesOwner, Budget } from './budget.ts';
import { EventRun, type StoredRun } from './event-run.ts';
import { unpackOffsets } from './packed-offsets.ts';
import type { EventBodies, PageStart } from './page.ts';

export class EventIndex implements BodiesOwner<EventRun> {
  readonly isJson: boolean;
  readonly firstSeq: number;
  readonly firstPosition: number;
  readonly #runs: EventRun[] = [];
  readonly #budget: Budget;
  #costBytes = 0;

  constructor(budget: Budget, first: PageStart) {
    this.#budget = budget;
    this.isJson = first.isJson;
    this.firstSeq = first.seq;
    this.firstPosition = first.position;
  }

  /** As it was published: where the events are, and no body of them. */
  static restored(budget: Budget, first: PageStart, runs: readonly StoredRun[]): EventIndex {
    const index = new EventIndex(budget, first);
    for (const stored of runs) index.#push(EventRun.restored(index.#end, stored));
    return index;
  }

  get endSeq(): number {
    return this.#runs.at(-1)?.endSeq ?? this.firstSeq;
  }

  get endPosition(): number {
    return this.#runs.at(-1)?.endPosition ?? this.firstPosition;
  }

  /** What it takes in memory without bodies. */
  get costBytes(): number {
    return this.#costBytes;
  }

  get #end(): PageStart {
    return { seq: this.endSeq, position: this.endPosition, isJson: this.isJson };
  }

  #push(run: EventRun): void {
    this.#runs.push(run);
    this.#costBytes += run.costBytes;
  }

  /** Events that lie in the log from an offset on, one behind the other. */
  append(
    bodies: EventBodies,
    { offset, timeMs }: { readonly offset: number; readonly timeMs: number },
  ): void {
    const { values } = bodies;
    for (let at = 0; at < values.length; ) {
      const run = this.#openFor(values[at] as Uint8Array, timeMs);
      const before = run.costBytes;
      at += run.append(bodies, { at, offset: offset + at });
      this.#costBytes += run.costBytes - before;
      this.#budget.chargeBodies(run, this);
    }
  }

  #openFor({ length }: Uint8Array, timeMs: number): EventRun {
    const last = this.#runs.at(-1);
    if (last?.fits(length) === true) return last;
    if (last?.isOpen === true) this.#recount(last, (run) => run.close());
    const run = EventRun.open(this.#end, timeMs, last?.lengthBytes ?? 0);
    this.#push(run);
    return run;
  }

  #recount(run: EventRun, change: (run: EventRun) => void): void {
    const before = run.costBytes;
    change(run);
    this.#costBytes += run.costBytes - before;
  }

  /** The bodies of a run have to go; small neighbours that are nowhere in memory become one. */
  cool(run: EventRun): void {
    this.#recount(run, (cooled) => cooled.cool());
    const index = this.#runs.indexOf(run);
    if (index !== -1) this.#merge(Math.max(1, index));
  }

  /** A run that is not the last may have to take in what is on both of its sides. */
  #merge(from: number): void {
    for (let index = from + 1; index >= from; index -= 1) {
      const before = this.#runs[index - 1];
      const next = this.#runs[index];
      if (before === undefined || next === undefined) continue;
      const merged = before.mergedWith(next);
      if (merged === undefined) continue;
      this.#runs.splice(index - 1, 2, merged);
      this.#costBytes += merged.costBytes - before.costBytes - next.costBytes;
    }
  }

  /** The run that a position lies in; the last one's where it lies behind all. */
  runAt(position: number): EventRun | undefined {
    return this.#lastWhere(({ start }) => start.position <= position);
  }

  runOf(seq: number): EventRun | undefined {
    return this.#lastWhere(({ start }) => start.seq <= seq);
  }

  /** The seq of the first event that lies at an offset of the log or behind it; the end where none does. */
  firstSeqFrom(offset: number): number {
    for (let index = this.#runs.length - 1; index >= 0; index -= 1) {
      const run = this.#runs[index] as EventRun;
      const count = run.countBelow(offset);
      if (count > 0) return run.start.seq + count;
    }
    return this.firstSeq;
  }

  /** The events whose records lie in a range of the log, in order. */
  *placesBetween(
    first: number,
    end: number,
  ): Generator<{ readonly seq: number; readonly offset: number }> {
    let seq = this.firstSeqFrom(first);
    for (let run = this.runOf(seq); run !== undefined && seq < run.endSeq; run = this.runOf(seq)) {
      const offsets = unpackOffsets(run.offsets).slice(seq - run.start.seq);
      for (const offset of offsets) {
        if (offset >= end) return;
        yield { seq, offset };
        seq += 1;
      }
    }
  }

  /** The last run that began no later than a time: events of that time lie in it, or behind it. */
  runAtTime(timeMs: number): EventRun | undefined {
    return this.#lastWhere((run) => run.timeMs <= timeMs);
  }

  /** Where so many of the newest bytes begin, or a few more: that of a run. */
  headOfNewest(bytesMax: number): { readonly seq: number; readonly position: number } {
    let bytes = 0;
    let head = { seq: this.endSeq, position: this.endPosition };
    for (const { start, lengthBytes } of this.#runs.toReversed()) {
      if (bytes >= bytesMax) break;
      bytes += lengthBytes;
      head = { seq: start.seq, position: start.position };
    }
    return head;
  }

  /** Of whole runs. */
  bytesBetween(firstSeq: number, endSeq: number): number {
    return this.#runs.reduce((sum, run) => {
      const isInside = run.endSeq > firstSeq && run.start.seq < endSeq;
      return isInside ? sum + run.lengthBytes : sum;
    }, 0);
  }

  /** By halves, for what holds up to some run. */
  #lastWhere(holds: (run: EventRun) => boolean): EventRun | undefined {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.#runs[middle] as EventRun)) low = middle + 1;
      else high = middle;
    }
    return this.#runs[low - 1];
  }

  /** No body that is in memory is what is read from now on. */
  coolAll(): void {
    for (const run of this.#runs.filter(({ page }) => page !== undefined)) {
      this.#budget.releaseBodies(run);
      this.cool(run);
    }
  }

  stored(): StoredRun[] {
    return this.#runs.map((run) => run.stored());
  }

  /** A session that ends, or leaves memory, takes its bodies with it. */
  discard(): void {
    for (const run of this.#runs) this.#budget.releaseBodies(run);
    this.#runs.length = 0;
    this.#costBytes = 0;
    assert(this.endSeq === this.firstSeq, 'nothing is left of a discarded index');
  }
}

// The events of a range of a shard's log, from the log, as the fold has them.

import {
  type Clock,
  type EventLog,
  type ReadChunk,
  type StoredRecord,
  sleep,
} from '@tidemark/ports';
import type { FoldedSession, ShardReplica } from '@tidemark/replica';
import { decodeRecord, factsOf, kindIn, redactedBody } from '@tidemark/session';
import { compareText, Pace, steps, textOf } from '@tidemark/std';
import { PastFold } from './past-fold.ts';
import type { ArchivedEvent } from './segment-line.ts';
import type { SegmentWriter } from './segment-writer.ts';

export interface CollectedRange {
  readonly firstOffset: number;
  readonly endOffset: number;
  /** Of all that was read, whether it is an event or not. */
  readonly bytes: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly byKey: ReadonlyMap<string, ReadonlyMap<number, StoredRecord>>;
  /** Keys of sessions of which something may have ended in it: what is in older segments of them may be over. */
  readonly ended: ReadonlySet<string>;
}

interface Bounds {
  readonly from: number;
  /** The fold has got so far at least. */
  readonly to: number;
  readonly bytesMax: number;
}

/** What a line has beside its event, about. */
const lineBytes = 256;

interface CollectParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly replica: ShardReplica;
}

/** Reads on until there is enough of it, or all that was folded. */
export async function collectRange(
  { log, clock, replica }: CollectParts,
  { from, to, bytesMax }: Bounds,
  signal: AbortSignal,
): Promise<CollectedRange> {
  const gathered = new Gathered(from, to);
  // What the log has in memory it gives without a turn of the loop between two pieces.
  const pace = new Pace(() => sleep(clock, 0));
  const ending = new AbortController();
  const options = { from: BigInt(from), signal: AbortSignal.any([signal, ending.signal]) };
  try {
    for await (const chunk of log.read(replica.shard, options)) {
      await gathered.take(chunk, pace);
      if (gathered.endOffset >= to || gathered.bytes >= bytesMax) break;
    }
  } finally {
    ending.abort();
  }
  signal.throwIfAborted();
  return gathered;
}

const endings: ReadonlySet<string> = new Set(['delete', 'expire', 'unref']);
const takings: ReadonlySet<unknown> = new Set(['trimmed', 'redacted']);
/** No record that ends a session, or takes from it, is larger. */
const endingBytesMax = 2_048;

/** Whether something of a session may be over by it. */
function isEnding(stored: StoredRecord): boolean {
  // Nearly all are events.
  if (kindIn(stored.headers) === 'event') return false;
  const decoded = decodeRecord(stored);
  if (decoded.kind !== 'record') return false;
  const { kind, value } = decoded.record;
  return endings.has(kind) || (kind === 'fact' && takings.has(factsOf(value)?.['type']));
}

class Gathered implements CollectedRange {
  readonly firstOffset: number;
  readonly byKey = new Map<string, Map<number, StoredRecord>>();
  readonly ended = new Set<string>();
  endOffset: number;
  bytes = 0;
  firstMs = Number.MAX_SAFE_INTEGER;
  lastMs = 0;
  readonly #to: number;

  constructor(from: number, to: number) {
    this.firstOffset = from;
    this.endOffset = from;
    this.#to = to;
  }

  async take({ records, nextOffset }: ReadChunk, pace: Pace): Promise<void> {
    for (const { items, bytes } of steps(records, ({ value }) => value.length + lineBytes)) {
      for (const record of items) if (Number(record.offset) < this.#to) this.#add(record);
      await pace.done(bytes);
    }
    this.endOffset = Math.min(this.#to, Number(nextOffset));
  }

  #add(record: StoredRecord): void {
    const { key, value, timeMs, offset } = record;
    const name = textOf(key);
    const ofKey = this.byKey.get(name) ?? new Map<number, StoredRecord>();
    this.byKey.set(name, ofKey.set(Number(offset), record));
    if (value.length <= endingBytesMax && isEnding(record)) this.ended.add(name);
    this.bytes += value.length + key.length;
    this.firstMs = Math.min(this.firstMs, timeMs);
    this.lastMs = Math.max(this.lastMs, timeMs);
  }
}

/** Adds what are events of it to a segment; `rest` lets others have their turn. */
export async function writeRange(
  replica: ShardReplica,
  { writer, range }: { readonly writer: SegmentWriter; readonly range: CollectedRange },
  rest: () => Promise<void>,
): Promise<void> {
  const keys = [...range.byKey.keys()].sort(compareText);
  const pace = new Pace(rest);
  for await (const session of new PastFold(replica, range.endOffset).each(keys, rest)) {
    await addEvents(session, { writer, range, pace });
  }
}

interface Adding {
  readonly writer: SegmentWriter;
  readonly range: CollectedRange;
  readonly pace: Pace;
}

/** All of a session as it is when it comes to it, whatever happens between the steps. */
async function addEvents(session: FoldedSession, { writer, range, pace }: Adding): Promise<void> {
  const { key, state } = session;
  const { stream, tenant, name } = state;
  if (stream === undefined) return;
  const events = [...eventsIn(session, range)];
  for (const { items, bytes } of steps(events, ({ body }) => body.length + lineBytes)) {
    writer.add({ key, tenant, name, stream }, items);
    await pace.done(bytes);
  }
}

/** Those of its events in the range that it keeps, as they are now. */
export function* eventsIn(
  { events, key, state }: FoldedSession,
  range: CollectedRange,
): Generator<ArchivedEvent> {
  const records = range.byKey.get(key);
  const { keeping } = state.stream?.aspects ?? {};
  if (events === undefined || keeping === undefined || records === undefined) return;
  for (const { seq, offset } of events.placesBetween(range.firstOffset, range.endOffset)) {
    if (seq < keeping.head.seq) continue;
    const record = records.get(offset);
    if (record === undefined) throw new RangeError(`no record at an event's offset. ${offset}`);
    const body = redactedBody(keeping, seq) ?? record.value;
    yield { seq, offset, timeMs: record.timeMs, body };
  }
}

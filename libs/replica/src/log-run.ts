// Reads the events of a run again, by their offsets: from the log, or from the archive where the log has let
// them go.

import { type Clock, type EventLog, isFault, type StoredRecord, timeLimit } from '@tidemark/ports';
import { limits, Problem } from '@tidemark/protocol';
import { decodeRecord } from '@tidemark/session';
import { equalBytes } from '@tidemark/std';
import type { EventArchive, WantedRun } from './event-archive.ts';
import type { Page } from './page.ts';

interface RunSources {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly archive: EventArchive;
}

/** What is wanted of the log, and where it goes: a page that begins with its first event. */
interface Taken {
  readonly wanted: WantedRun;
  readonly page: Page;
}

/**
 * Records between two that are wanted for which another read is no more: a read is about as dear as checking and
 * decoding so many.
 */
const gapRecordsMax = 256;
/** What is taken for the size of a record, where none of its session is known. */
const recordBytesLeast = 512;
const chunkBytesMax = 1_048_576;
const chunkBytesMin = 16_384;

/**
 * Fills a page that begins with the run's first event. The log may let more go between the looks: what it has let
 * go is in the archive by then, so each look behind a refusal of the log finds more. Rejects with a Problem, or a
 * Fault of the log.
 */
export async function readRun(sources: RunSources, wanted: WantedRun, page: Page): Promise<void> {
  for (;;) {
    try {
      await readFromLog(sources, { wanted, page });
      return;
    } catch (cause) {
      if (!isFault(cause) || cause.reason !== 'below-start') throw cause;
      const before = page.count;
      await readFromArchive(sources, { wanted, page });
      if (page.count === before) throw lostEvents(cause);
    }
  }
}

async function readFromArchive(
  { archive, clock }: RunSources,
  { wanted, page }: Taken,
): Promise<void> {
  const { firstSeq, offsets } = wanted;
  const rest = { firstSeq: firstSeq + page.count, offsets: offsets.slice(page.count) };
  using limit = timeLimit(clock, limits.appendDeadlineMs);
  await archive.read({ ...wanted, ...rest }, page, limit.signal);
}

async function readFromLog(sources: RunSources, taken: Taken): Promise<void> {
  while (taken.page.count < taken.wanted.offsets.length) await readOn(sources, taken);
}

/** How many of the offsets, from one of them on, have no gap that is worth another read. */
function stretchAt(offsets: readonly number[], index: number): number {
  let end = index + 1;
  while (end < offsets.length && gapAt(offsets, end) <= gapRecordsMax) end += 1;
  return end;
}

const gapAt = (offsets: readonly number[], index: number): number =>
  (offsets[index] as number) - (offsets[index - 1] as number);

/** Reads on from the first event that is missing, to the next gap, and no farther: others' events lie behind it. */
async function readOn({ log, clock }: RunSources, taken: Taken): Promise<void> {
  const { page, wanted } = taken;
  const { offsets } = wanted;
  // What was folded is there at once; only a log that is gone, or away, makes its readers wait.
  using limit = timeLimit(clock, limits.appendDeadlineMs);
  const before = page.count;
  const end = stretchAt(offsets, before);
  const first = offsets[before] ?? 0;
  const spanned = (offsets[end - 1] ?? first) + 1 - first;
  const options = {
    from: BigInt(first),
    signal: limit.signal,
    chunkBytesMax: chunkBytesFor(spanned, page),
  };
  for await (const { records, nextOffset } of log.read(wanted.log.shard, options)) {
    takeEvents(taken, records);
    if (page.count >= end) return;
    if ((offsets[page.count] ?? 0) < Number(nextOffset)) throw corrupt();
  }
  if (page.count === before) throw new Problem('unavailable', 'the log does not answer');
}

/** About what so many records take, as those of the session do. */
function chunkBytesFor(records: number, { count, lengthBytes }: Page): number {
  const each = Math.max(recordBytesLeast, count === 0 ? 0 : lengthBytes / count);
  return Math.min(chunkBytesMax, Math.max(chunkBytesMin, Math.ceil(records * each)));
}

/** Adds the values of those records that are the run's next events. */
function takeEvents({ wanted, page }: Taken, records: readonly StoredRecord[]): void {
  for (const stored of records) {
    if (Number(stored.offset) !== wanted.offsets[page.count]) continue;
    const decoded = decodeRecord(stored);
    const seq = wanted.firstSeq + page.count;
    const isTheEvent =
      decoded.kind === 'record' &&
      decoded.record.seq === seq &&
      equalBytes(stored.key, wanted.session.keyBytes);
    if (!isTheEvent) throw corrupt();
    page.append(stored.value);
  }
}

/** Logs are trimmed behind what was archived: somebody else did it. */
export const lostEvents = (cause: unknown): Problem =>
  new Problem('corrupt', 'the log has let go of events that were not archived', { cause });

const corrupt = (): Problem =>
  new Problem('corrupt', 'the log does not hold what was folded from it');

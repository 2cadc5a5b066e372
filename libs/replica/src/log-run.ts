// Reads the bodies of a run again, by their offsets: from the log, or from the archive where the log has let
// them go.

import { type Clock, type EventLog, isFault, type StoredRecord, timeLimit } from '@tidemark/ports';
import { limits, Problem } from '@tidemark/protocol';
import { decodeRecord } from '@tidemark/session';
import { equalBytes } from '@tidemark/std';
import type { EventArchive, WantedRun } from './event-archive.ts';

interface RunSources {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly archive: EventArchive;
}

interface Taken {
  readonly wanted: WantedRun;
  readonly bodies: Uint8Array[];
}

/** Offsets farther apart than this are worth a read of their own. */
const gapRecordsMax = 4_096;

/**
 * The log may let more go between the looks: what it has let go is in the archive by then, so each look behind a
 * refusal of the log finds more. Rejects with a Problem, or a Fault of the log.
 */
export async function readRun(
  sources: RunSources,
  wanted: WantedRun,
): Promise<readonly Uint8Array[]> {
  const bodies: Uint8Array[] = [];
  for (;;) {
    const rest = {
      ...wanted,
      firstSeq: wanted.firstSeq + bodies.length,
      offsets: wanted.offsets.slice(bodies.length),
    };
    try {
      return [...bodies, ...(await readFromLog(sources, rest))];
    } catch (cause) {
      if (!isFault(cause) || cause.reason !== 'below-start') throw cause;
      const archived = await readFromArchive(sources, rest);
      if (archived.length === 0) throw lostEvents(cause);
      bodies.push(...archived);
    }
  }
}

async function readFromArchive(
  { archive, clock }: RunSources,
  wanted: WantedRun,
): Promise<readonly Uint8Array[]> {
  using limit = timeLimit(clock, limits.appendDeadlineMs);
  return await archive.read(wanted, limit.signal);
}

async function readFromLog(sources: RunSources, wanted: WantedRun): Promise<Uint8Array[]> {
  const taken = { wanted, bodies: [] };
  while (taken.bodies.length < wanted.offsets.length) await readOn(sources, taken);
  return taken.bodies;
}

/** Reads on from the first event that is missing, until a gap makes another read cheaper. */
async function readOn({ log, clock }: RunSources, taken: Taken): Promise<void> {
  const { bodies, wanted } = taken;
  const { offsets } = wanted;
  // What was folded is there at once; only a log that is gone, or away, makes its readers wait.
  using limit = timeLimit(clock, limits.appendDeadlineMs);
  const from = BigInt(offsets[bodies.length] ?? 0);
  const before = bodies.length;
  const options = { from, signal: limit.signal };
  for await (const { records, nextOffset } of log.read(wanted.log.shard, options)) {
    takeBodies(taken, records);
    const next = offsets[bodies.length];
    const readTo = Number(nextOffset);
    if (next === undefined || next - readTo > gapRecordsMax) return;
    if (next < readTo) throw corrupt();
  }
  if (bodies.length === before) throw new Problem('unavailable', 'the log does not answer');
}

/** Adds the values of those records that are the run's next events. */
function takeBodies({ wanted, bodies }: Taken, records: readonly StoredRecord[]): void {
  for (const stored of records) {
    if (Number(stored.offset) !== wanted.offsets[bodies.length]) continue;
    const decoded = decodeRecord(stored);
    const seq = wanted.firstSeq + bodies.length;
    const isTheEvent =
      decoded.kind === 'record' &&
      decoded.record.seq === seq &&
      equalBytes(stored.key, wanted.session.keyBytes);
    if (!isTheEvent) throw corrupt();
    bodies.push(stored.value);
  }
}

/** Logs are trimmed behind what was archived: somebody else did it. */
export const lostEvents = (cause: unknown): Problem =>
  new Problem('corrupt', 'the log has let go of events that were not archived', { cause });

const corrupt = (): Problem =>
  new Problem('corrupt', 'the log does not hold what was folded from it');

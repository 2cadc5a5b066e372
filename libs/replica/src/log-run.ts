// Reads the bodies of a run again from the log, by their offsets.

import type { Clock, EventLog, Shard, StoredRecord } from '@tidemark/ports';
import { limits, Problem } from '@tidemark/protocol';
import { decodeRecord } from '@tidemark/session';
import { equalBytes } from '@tidemark/std';
import { type PackedOffsets, unpackOffsets } from './packed-offsets.ts';

interface WantedRun {
  readonly shard: Shard;
  readonly keyBytes: Uint8Array;
  readonly firstSeq: number;
  readonly offsets: PackedOffsets;
}

interface Taken {
  readonly wanted: WantedRun;
  readonly offsets: readonly number[];
  readonly bodies: Uint8Array[];
}

/** Offsets farther apart than this are worth a read of their own. */
const gapRecordsMax = 4_096;

export async function readRunFromLog(
  parts: { readonly log: EventLog; readonly clock: Clock },
  wanted: WantedRun,
): Promise<readonly Uint8Array[]> {
  const taken = { wanted, offsets: unpackOffsets(wanted.offsets), bodies: [] };
  while (taken.bodies.length < taken.offsets.length) await readOn(parts, taken);
  return taken.bodies;
}

/** Reads on from the first event that is missing, until a gap makes another read cheaper. */
async function readOn(
  { log, clock }: { readonly log: EventLog; readonly clock: Clock },
  taken: Taken,
): Promise<void> {
  const { offsets, bodies, wanted } = taken;
  const ending = new AbortController();
  // What was folded is there at once; only a log that is gone, or away, makes its readers wait.
  const timer = clock.schedule(limits.appendDeadlineMs, () => ending.abort());
  const from = BigInt(offsets[bodies.length] ?? 0);
  const before = bodies.length;
  try {
    const { signal } = ending;
    for await (const { records, nextOffset } of log.read(wanted.shard, { from, signal })) {
      takeBodies(taken, records);
      const next = offsets[bodies.length];
      const readTo = Number(nextOffset);
      if (next === undefined || next - readTo > gapRecordsMax) return;
      if (next < readTo) throw corrupt();
    }
  } finally {
    timer.cancel();
    ending.abort();
  }
  if (bodies.length === before) throw new Problem('unavailable', 'the log does not answer');
}

/** Adds the values of those records that are the run's next events. */
function takeBodies({ wanted, offsets, bodies }: Taken, records: readonly StoredRecord[]): void {
  for (const stored of records) {
    if (Number(stored.offset) !== offsets[bodies.length]) continue;
    const decoded = decodeRecord(stored);
    const seq = wanted.firstSeq + bodies.length;
    const isTheEvent =
      decoded.kind === 'record' &&
      decoded.record.seq === seq &&
      equalBytes(stored.key, wanted.keyBytes);
    if (!isTheEvent) throw corrupt();
    bodies.push(stored.value);
  }
}

const corrupt = (): Problem =>
  new Problem('corrupt', 'the log does not hold what was folded from it');

// Keeps the segments of a shard few, and free of what was deleted.
//
// (1) What replaces segments has the same range, and stands for them only while the manifest names them all.
// (2) A note of a session that has ended, or of which something was taken, is done with once no segment that was there then has lines of it.
// (3) What is over is told by a fold that has passed all that is in the segments.

import { type Clock, type ObjectStore, type Prng, sleep } from '@tidemark/ports';
import type { ShardReplica } from '@tidemark/replica';
import { writeErasure } from './erasure-reports.ts';
import { isLeft, mergeSegments, planMerge } from './merged-segments.ts';
import type { SegmentArchive } from './segment-archive.ts';
import type { SegmentRef } from './segment-manifest.ts';
import type { ReadSegments, SegmentStore } from './segment-store.ts';

interface UpkeepParts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly segments: SegmentStore;
  /** For their directories. */
  readonly archive: SegmentArchive;
}

interface UpkeepSettings {
  /** Of those that become one, as they are stored: all of them are held. */
  readonly mergedBytesMax: number;
  /** Lines of what was deleted are gone after so long. */
  readonly eraseAfterMs: number;
  /** What no manifest names is deleted after so long. */
  readonly graceMs: number;
}

export interface Upkept {
  /** Objects are there that no manifest names any more. */
  readonly hasReplaced: boolean;
  /** When there is more to do; infinity where nothing is to be merged or erased. */
  readonly nextInMs: number;
}

/** Then they are erased, however short the time since. */
const erasingMax = 10_000;

export class SegmentUpkeep {
  readonly #parts: UpkeepParts;
  readonly #settings: UpkeepSettings;

  constructor(parts: UpkeepParts, settings: UpkeepSettings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  async run(replica: ShardReplica, read: ReadSegments, signal: AbortSignal): Promise<Upkept> {
    const merged = await this.#merge(replica, read, signal);
    // Others have their turn between two: what is to be archived meanwhile does not wait for all of them.
    const isMore = merged !== read && this.#planned(merged).length > 0;
    const erased = await this.#erase(replica, merged, signal);
    const { erasing, erasingSinceMs } = erased.manifest;
    const dueMs = erasingSinceMs + this.#settings.eraseAfterMs - this.#parts.clock.nowMs();
    const erasesInMs = erasing.length === 0 ? Infinity : Math.max(0, dueMs);
    return { hasReplaced: erased !== read, nextInMs: isMore ? 0 : erasesInMs };
  }

  async #merge(
    replica: ShardReplica,
    read: ReadSegments,
    signal: AbortSignal,
  ): Promise<ReadSegments> {
    const refs = this.#planned(read);
    if (refs.length === 0) return read;
    return (await this.#rewrite(replica, refs, signal)) ?? read;
  }

  #planned({ manifest }: ReadSegments): readonly SegmentRef[] {
    return planMerge(manifest.segments, this.#settings.mergedBytesMax);
  }

  async #erase(
    replica: ShardReplica,
    read: ReadSegments,
    signal: AbortSignal,
  ): Promise<ReadSegments> {
    const { erasing, erasingSinceMs, segments } = read.manifest;
    const ageMs = this.#parts.clock.nowMs() - erasingSinceMs;
    const isDue = erasing.length >= erasingMax || ageMs >= this.#settings.eraseAfterMs;
    if (erasing.length === 0 || !isDue) return read;
    const keys = new Set(erasing);
    let at = read;
    for (const ref of segments) {
      const left = await this.#whoHasLeft(replica, { ref, keys }, signal);
      if (left.length === 0) continue;
      const rewritten = await this.#rewrite(replica, [ref], signal);
      if (rewritten === undefined) return at;
      at = rewritten;
    }
    return (await this.#forget(replica, erasing, signal)) ?? at;
  }

  /** Of these sessions those that keep lines of it no more as they are. */
  async #whoHasLeft(
    replica: ShardReplica,
    { ref, keys }: { readonly ref: SegmentRef; readonly keys: ReadonlySet<string> },
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { sessions } = await this.#parts.archive.directory(ref, signal);
    const left: string[] = [];
    for (const session of sessions) {
      if (!keys.has(session.key)) continue;
      if (await isLeft(replica, session, ref.endOffset)) left.push(session.key);
    }
    return left;
  }

  /** Invariant 1. Undefined where it does not stand. */
  async #rewrite(
    replica: ShardReplica,
    refs: readonly SegmentRef[],
    signal: AbortSignal,
  ): Promise<ReadSegments | undefined> {
    const { segments, clock } = this.#parts;
    const { logName } = replica;
    const startMs = clock.monotonicMs();
    // Of what lies behind the fold it cannot tell what is over.
    await replica.foldAll();
    const { written, left } = await mergeSegments(replica, {
      refs,
      get: (ref) => segments.get(ref, signal),
      rest: () => sleep(clock, 0),
    });
    const times = {
      firstMs: Math.min(...refs.map(({ firstMs }) => firstMs)),
      lastMs: Math.max(...refs.map(({ lastMs }) => lastMs)),
    };
    const replaced =
      written.events === 0 ? [] : [await segments.write(logName, { written, times }, signal)];
    for (const [was, sessions] of left) {
      const report = { was, is: replaced[0]?.name ?? null, sessions };
      await writeErasure(this.#parts, { log: logName, report }, signal);
    }
    const read = await segments.read(logName, signal);
    // Another process may have found the object without a name for too long.
    const isLate = clock.monotonicMs() - startMs > this.#settings.graceMs / 2;
    if (read === undefined || isLate) return undefined;
    const known = read.manifest.segments;
    const from = known.findIndex(({ name }) => name === refs[0]?.name);
    const isThere = refs.every(({ name }, index) => known[from + index]?.name === name);
    if (from === -1 || !isThere) return undefined;
    const change = { segments: known.toSpliced(from, refs.length, ...replaced) };
    return segments.commit(logName, { read, change }, signal);
  }

  /** Those that were noted meanwhile wait for their own turn, though their keys be the same. */
  async #forget(
    replica: ShardReplica,
    erased: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadSegments | undefined> {
    const { segments, clock } = this.#parts;
    const read = await segments.read(replica.logName, signal);
    const known = read?.manifest.erasing ?? [];
    if (!erased.every((key, index) => known[index] === key)) return undefined;
    const erasing = known.slice(erased.length);
    const erasingSinceMs = erasing.length === 0 ? 0 : clock.nowMs();
    return segments.commit(replica.logName, { read, change: { erasing, erasingSinceMs } }, signal);
  }
}

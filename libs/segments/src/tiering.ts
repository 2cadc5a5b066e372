// Puts the events of shards into segments, and lets the log forget them.
//
// (1) A segment has the events of a range of the log, as the fold has them: what it refused is in none, and what
//     was deleted before it was archived is in none.
// (2) One order: the object, a look at what was stored, the manifest by compare-and-swap, and only then the trim.
// (3) The log is trimmed no farther than to what was published of the sessions: whoever starts begins there.
// (4) Of two who archive a shard one loses the swap, and its object is swept after a grace.

import {
  type Clock,
  type Counter,
  type EventLog,
  isFault,
  type Logger,
  type Metrics,
  type ObjectStore,
  type Prng,
  sleep,
  type Timer,
} from '@tidemark/ports';
import { isProblem } from '@tidemark/protocol';
import { controlShard, type Publications, type ShardReplica, type Shards } from '@tidemark/replica';
import { recordCount, recordValueBytes } from '@tidemark/session';
import { createTasks, type Tasks } from '@tidemark/std';
import { type CollectedRange, collectRange, writeRange } from './collected-range.ts';
import { ContinuousExport } from './continuous-export.ts';
import type { SegmentArchive } from './segment-archive.ts';
import type { SegmentManifest } from './segment-manifest.ts';
import { type ReadSegments, SegmentStore } from './segment-store.ts';
import { SegmentUpkeep } from './segment-upkeep.ts';
import { SegmentWriter } from './segment-writer.ts';

export interface TieringParts {
  readonly log: EventLog;
  readonly store: ObjectStore;
  readonly publications: Publications;
  readonly archive: SegmentArchive;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface TieringSettings {
  /** Events of a shard that wait are archived once there are so many bytes of them. */
  readonly segmentBytes: number;
  /** And after so long at the latest. */
  readonly everyMs: number;
  /** What is archived stays in the log as well, up to so much. */
  readonly keepBytes: number;
  /** How long an object stays that no manifest names. */
  readonly graceMs: number;
  /** Lines of sessions that were deleted are gone after so long, but for the grace. */
  readonly eraseAfterMs: number;
}

export const tieringDefaults: TieringSettings = {
  segmentBytes: 8 * 1_024 * 1_024,
  everyMs: 300_000,
  keepBytes: 256 * 1_024 * 1_024,
  graceMs: 600_000,
  eraseAfterMs: 3_600_000,
};

/** As they are stored: a merge holds those that become one, and what they become. */
const mergedSegmentsMax = 10;

const lookMsMax = 1_000;
/** Where archiving fails, it is left alone for a while. */
const againMs = 5_000;

/** What waits in a shard's log to be archived. */
interface Waiting {
  /** As the feed tells. */
  bytes: number;
  sinceMs: number;
  /** All below is in segments: what lies behind waits, whether it was counted or not. */
  archivedTo: number;
  /** Nobody has looked yet how much there is. */
  isUnknown: boolean;
  /** When something is to be done though nothing new waits. */
  upkeepAtMs: number;
  sweepAtMs: number;
  /** The log holds more than it has to: what is published of the sessions lags. */
  trimAtMs: number;
  /** Something could not be exported, or a tenant wants it that did not. */
  exportAtMs: number;
  wishes: string;
}

export class Tiering implements AsyncDisposable {
  readonly #parts: TieringParts;
  readonly #shards: Shards;
  readonly #settings: TieringSettings;
  readonly #store: SegmentStore;
  readonly #upkeep: SegmentUpkeep;
  readonly #tasks: Tasks;
  readonly #waiting = new Map<ShardReplica, Waiting>();
  readonly #busy = new Set<ShardReplica>();
  readonly #trimmedTo = new Map<ShardReplica, bigint>();
  readonly #segments: Counter;
  readonly #bytes: Counter;
  readonly #exports: ContinuousExport;
  #directoryVersion = 0;
  #timer: Timer | undefined;

  constructor(parts: TieringParts, shards: Shards, settings: TieringSettings = tieringDefaults) {
    this.#parts = parts;
    this.#shards = shards;
    this.#settings = settings;
    this.#store = new SegmentStore(parts);
    const mergedBytesMax = mergedSegmentsMax * settings.segmentBytes;
    this.#upkeep = new SegmentUpkeep(
      { ...parts, segments: this.#store },
      { ...settings, mergedBytesMax },
    );
    const { segmentBytes: fileBytes, graceMs } = settings;
    this.#exports = new ContinuousExport(parts, shards.directory, { fileBytes, graceMs });
    const { logger, metrics, clock } = parts;
    this.#tasks = createTasks((task, cause) => logger.error({ task, err: cause }, 'task crashed'));
    const counter = (name: string, help: string): Counter =>
      metrics.counter({ name: `tidemark_tiering_${name}_total`, help });
    this.#segments = counter('segments', 'segments that were written');
    this.#bytes = counter('segment_bytes', 'bytes of segments that were written');
    const gauge = (name: string, help: string, read: () => number): void =>
      metrics.observedGauge({ name: `tidemark_tiering_${name}`, help }, read);
    gauge('waiting_bytes', 'bytes of events that are in no segment yet', () =>
      [...this.#waiting].reduce(
        (sum, [replica, waiting]) => sum + waitingBytes(replica, waiting),
        0,
      ),
    );
    gauge('waiting_seconds', 'how long the oldest of them has waited', () => {
      const since = this.#all().flatMap(({ bytes, sinceMs }) => (bytes > 0 ? [sinceMs] : []));
      return since.length === 0 ? 0 : (clock.monotonicMs() - Math.min(...since)) / 1_000;
    });
  }

  #all(): readonly Waiting[] {
    return [...this.#waiting.values()];
  }

  start(): void {
    this.#shards.onOpened((replica) => this.#watch(replica));
    this.#lookOn();
  }

  #lookOn(): void {
    const lookMs = Math.min(lookMsMax, this.#settings.everyMs);
    this.#timer = this.#parts.clock.schedule(lookMs, () => {
      this.#look();
      this.#lookOn();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await this.#tasks[Symbol.asyncDispose]();
  }

  #watch(replica: ShardReplica): void {
    if (replica.shard === controlShard || this.#waiting.has(replica)) return;
    const { clock } = this.#parts;
    const waiting: Waiting = {
      bytes: 0,
      sinceMs: 0,
      archivedTo: 0,
      isUnknown: true,
      upkeepAtMs: Infinity,
      sweepAtMs: 0,
      trimAtMs: Infinity,
      exportAtMs: Infinity,
      wishes: '[]',
    };
    this.#waiting.set(replica, waiting);
    replica.feed.listen({
      record({ record, session }) {
        if (waiting.bytes === 0) waiting.sinceMs = clock.monotonicMs();
        // What has no value, as the end of a session, waits as well.
        waiting.bytes += recordValueBytes(record) + recordCount(record) * session.key.length;
      },
    });
  }

  #look(): void {
    const open = new Set(this.#shards.opened);
    const { version } = this.#shards.directory;
    if (version !== this.#directoryVersion) this.#hearWishes();
    this.#directoryVersion = version;
    for (const [replica, waiting] of this.#waiting) {
      if (!open.has(replica)) this.#waiting.delete(replica);
      else if (!this.#busy.has(replica) && this.#isDue(replica, waiting)) this.#begin(replica);
    }
  }

  #hearWishes(): void {
    for (const [replica, waiting] of this.#waiting) {
      const wishes = this.#exports.wishesOf(replica);
      if (wishes !== waiting.wishes) waiting.exportAtMs = 0;
      waiting.wishes = wishes;
    }
  }

  #isDue({ isServing, fold }: ShardReplica, waiting: Waiting): boolean {
    if (!isServing || fold.anchor === undefined) return false;
    const { segmentBytes, everyMs } = this.#settings;
    const { bytes, sinceMs, isUnknown, archivedTo } = waiting;
    const nowMs = this.#parts.clock.monotonicMs();
    const isOld = fold.position > archivedTo && nowMs - sinceMs >= everyMs;
    const { upkeepAtMs, sweepAtMs, trimAtMs, exportAtMs } = waiting;
    const isNeeded = nowMs >= Math.min(upkeepAtMs, sweepAtMs, trimAtMs, exportAtMs);
    return isUnknown || bytes >= segmentBytes || isOld || isNeeded;
  }

  #begin(replica: ShardReplica): void {
    this.#busy.add(replica);
    this.#tasks.spawn('archive', async () => {
      try {
        await this.tier(replica);
      } catch (cause) {
        if (!isProblem(cause) && !isFault(cause)) throw cause;
        const { logger, clock } = this.#parts;
        logger.warn({ err: cause, shard: replica.shard }, 'cannot archive yet');
        await sleep(clock, againMs, this.#tasks.signal).catch(() => undefined);
      } finally {
        this.#busy.delete(replica);
      }
    });
  }

  /** All that is due. Rejects with a Problem, or a Fault, where it cannot be archived now. */
  async tier(replica: ShardReplica): Promise<void> {
    const { signal } = this.#tasks;
    let read = await this.#store.read(replica.logName, signal);
    for (;;) {
      const archived = await this.#tierOnce(replica, read);
      read = archived.read;
      // Each time: while more comes than is archived the log is let go as well.
      if (read !== undefined) await this.#trimOrLater(replica, read.manifest);
      if (!archived.isMore) break;
      signal.throwIfAborted();
    }
    if (read !== undefined) {
      await this.#keepUp(replica, read);
      await this.#export(replica, read.manifest.endOffset);
      return;
    }
    const waiting = this.#waiting.get(replica);
    if (waiting !== undefined) waiting.sweepAtMs = Infinity;
  }

  async #trimOrLater(replica: ShardReplica, manifest: SegmentManifest): Promise<void> {
    const isTrimmed = await this.#trim(replica, manifest);
    const waiting = this.#waiting.get(replica);
    if (waiting === undefined) return;
    const laterMs = this.#parts.clock.monotonicMs() + this.#settings.everyMs;
    waiting.trimAtMs = isTrimmed ? Infinity : laterMs;
  }

  /** What cannot be exported now holds up nothing else. */
  async #export(replica: ShardReplica, archivedTo: number): Promise<void> {
    const { clock, logger } = this.#parts;
    const waiting = this.#waiting.get(replica);
    if (waiting !== undefined) waiting.exportAtMs = Infinity;
    try {
      await this.#exports.run(replica, archivedTo, this.#tasks.signal);
    } catch (cause) {
      if (!isProblem(cause) && !isFault(cause)) throw cause;
      logger.warn({ err: cause, shard: replica.shard }, 'cannot export yet');
      const { everyMs } = this.#settings;
      if (waiting !== undefined) waiting.exportAtMs = clock.monotonicMs() + everyMs;
    }
  }

  async #keepUp(replica: ShardReplica, read: ReadSegments): Promise<void> {
    const { clock } = this.#parts;
    const { graceMs } = this.#settings;
    const { signal } = this.#tasks;
    const waiting = this.#waiting.get(replica);
    const { hasReplaced, nextInMs } = await this.#upkeep.run(replica, read, signal);
    const isDue = clock.monotonicMs() >= (waiting?.sweepAtMs ?? 0);
    if (hasReplaced || isDue) {
      const isSwept = await this.#store.sweep(replica.logName, graceMs, signal);
      if (waiting !== undefined)
        waiting.sweepAtMs = isSwept ? Infinity : clock.monotonicMs() + graceMs;
    }
    if (waiting !== undefined) waiting.upkeepAtMs = clock.monotonicMs() + nextInMs;
  }

  async #tierOnce(
    replica: ShardReplica,
    read: ReadSegments | undefined,
  ): Promise<{ readonly read: ReadSegments | undefined; readonly isMore: boolean }> {
    const { log, clock } = this.#parts;
    const { segmentBytes, everyMs } = this.#settings;
    const { signal } = this.#tasks;
    const from = read?.manifest.endOffset ?? 0;
    const to = Number(replica.fold.position);
    const waiting = this.#waiting.get(replica);
    const counted = waiting?.bytes ?? 0;
    if (waiting !== undefined) waiting.archivedTo = from;
    if (to <= from) {
      // Somebody else has archived it.
      if (waiting !== undefined) waiting.bytes -= counted;
      return { read, isMore: false };
    }
    const bounds = { from, to, bytesMax: segmentBytes };
    const range = await collectRange({ log, clock, replica }, bounds, signal);
    const nowMs = clock.monotonicMs();
    const isOld = waiting === undefined || nowMs - waiting.sinceMs >= everyMs;
    const isDue = range.bytes >= segmentBytes || (isOld && waiting?.isUnknown !== true);
    // What lay there before anybody listened was not counted.
    if (waiting !== undefined && waiting.bytes < range.bytes) {
      if (waiting.isUnknown || waiting.bytes === 0) waiting.sinceMs = nowMs;
      waiting.bytes = range.bytes;
    }
    if (waiting !== undefined) waiting.isUnknown = false;
    const archived = isDue ? await this.#archive(replica, range, read) : undefined;
    if (archived === undefined) {
      // An object may be there that nobody names.
      if (isDue && waiting !== undefined) waiting.sweepAtMs = 0;
      return { read, isMore: false };
    }
    const isAll = range.endOffset === to;
    if (waiting !== undefined) {
      waiting.bytes = Math.max(0, waiting.bytes - (isAll ? counted : range.bytes));
      waiting.sinceMs = clock.monotonicMs();
      waiting.archivedTo = range.endOffset;
    }
    return { read: archived, isMore: !isAll };
  }

  async #archive(
    replica: ShardReplica,
    range: CollectedRange,
    read: ReadSegments | undefined,
  ): Promise<ReadSegments | undefined> {
    const { logName } = replica;
    const { clock } = this.#parts;
    const { signal } = this.#tasks;
    const { firstOffset, endOffset, firstMs, lastMs } = range;
    const writer = new SegmentWriter({
      ...logName,
      logEpoch: logName.logEpoch ?? '',
      firstOffset: BigInt(firstOffset),
      endOffset: BigInt(endOffset),
    });
    await writeRange(replica, { writer, range }, () => sleep(clock, 0));
    const before = read?.manifest;
    const segments = [...(before?.segments ?? [])];
    const written = writer.finish();
    if (written.events > 0) {
      const times = { firstMs, lastMs };
      const segment = await this.#store.write(logName, { written, times }, signal);
      segments.push(segment);
      this.#segments.add(1);
      this.#bytes.add(segment.bytes);
    }
    const noted = before?.erasing ?? [];
    const erasing = [...noted, ...range.ended];
    const since = noted.length > 0 ? (before?.erasingSinceMs ?? 0) : clock.nowMs();
    const erasingSinceMs = erasing.length === 0 ? 0 : since;
    const change = { endOffset, segments, erasing, erasingSinceMs };
    return this.#store.commit(logName, { read, change }, signal);
  }

  /** Invariant 3. Whether the log has nothing left that it need not keep. */
  async #trim(replica: ShardReplica, manifest: SegmentManifest): Promise<boolean> {
    const { log, publications } = this.#parts;
    const { signal } = this.#tasks;
    const { logName, shard } = replica;
    const trimmedTo = this.#trimmedTo.get(replica) ?? 0n;
    if (BigInt(manifest.endOffset) <= trimmedTo) return true;
    const published = await publications.newest(logName, signal);
    const { anchor: { offset: anchor } = {}, position = 0n } = published?.at ?? {};
    if (anchor === undefined) return false;
    const to = this.trimTo(manifest, anchor);
    if (to > trimmedTo) {
      await log.trim(shard, to, signal);
      this.#trimmedTo.set(replica, to);
    }
    return to < anchor || position >= BigInt(manifest.endOffset);
  }

  /** Where the log may begin, given the last record that what is published of its sessions stands on. */
  trimTo(manifest: SegmentManifest, anchor: bigint): bigint {
    const kept = BigInt(keptFrom(manifest, this.#settings.keepBytes));
    return anchor < kept ? anchor : kept;
  }
}

/** What was not counted is told as something. */
const waitingBytes = ({ fold }: ShardReplica, { bytes, archivedTo }: Waiting): number =>
  Math.max(bytes, fold.position > archivedTo ? 1 : 0);

/** Where the log begins that still has so much of what is archived. */
function keptFrom({ segments, endOffset }: SegmentManifest, keepBytes: number): number {
  let bytes = 0;
  let from = endOffset;
  for (const { firstOffset, rawBytes } of segments.toReversed()) {
    if (bytes >= keepBytes) break;
    bytes += rawBytes;
    from = firstOffset;
  }
  return bytes < keepBytes ? 0 : from;
}
